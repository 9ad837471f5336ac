/** The report of a campaign, opened from its file in a real browser: it draws everything and asks for nothing else. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import test from "ava";
import { type Browser, chromium, type Page } from "playwright-core";

const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-report-"));
const directory = join(temporary, "campaign");
const report = join(directory, "report.html");
/** Where Debian has it. */
const CHROMIUM = "/usr/bin/chromium";

test.before(() => {
  const fuzz = [
    genpt,
    "fuzz",
    "--format",
    "riscv32",
    "amdv1",
    "--canary",
    "--ops",
    "24000",
    "--seed",
    "report",
  ];
  const options = { cwd: temporary, stdio: "ignore" } as const;
  // Something is found, so that the status is 1.
  const { status } = spawnSync(process.execPath, [...fuzz, "--campaign", directory], options);
  if (status !== 1) throw new Error(`the campaign ended with ${status}`);
  const lines = [1, 2, 3].map((seconds) =>
    JSON.stringify({ seconds, branches: 100 * seconds, states: 7 * seconds }),
  );
  // The last line of a run that was ended may be cut off.
  writeFileSync(join(directory, "coverage.jsonl"), `${lines.join("\n")}\n{"seconds":4,"bran`);
  execFileSync(process.execPath, [genpt, "report", directory], options);
});

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

test("a report is one file that refers to no other", (t) => {
  const text = readFileSync(report, "utf8");
  const withoutData = text
    .replace(/<script[^>]*>[\s\S]*?<\/script>/g, "")
    .replace(/<style>[\s\S]*?<\/style>/g, "");
  t.deepEqual(withoutData.match(/\b(src|href)="(?!data:)[^"]*"/g), null);
  t.notRegex(text.replace(/https?:\/\/github\.com\/leeoniya\/uPlot/g, ""), /\bhttps?:\/\/|@import|url\(/);
  t.regex(withoutData, /What was judged makes a mistake on purpose/);
  t.true(text.length < 1_000_000);
});

async function withPage(work: (page: Page, problems: string[]) => Promise<void>): Promise<void> {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 800 }, colorScheme: "dark" });
    const problems: string[] = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) problems.push(`asks for ${request.url()}`);
    });
    await page.goto(pathToFileURL(report).href);
    await work(page, problems);
  } finally {
    await browser.close();
  }
}

/** How many colours each plot has. */
const COLOURS = `[...document.querySelectorAll("#plots canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
})`;

test("plots, matrix and pictures are drawn, without a word on the console", async (t) => {
  if (!existsSync(CHROMIUM)) {
    t.log(`not opened: there is no ${CHROMIUM}; apt-get install chromium brings it`);
    t.pass();
    return;
  }
  await withPage(async (page, problems) => {
    const colours: readonly number[] = await page.evaluate(COLOURS);
    t.is(colours.length, 4, "speed, states, and the two of the coverage");
    t.true(
      colours.every((count) => count > 4),
      `${colours.join(", ")} colours`,
    );
    t.deepEqual(await page.locator("#matrix tbody th").allTextContents(), ["amdv1", "riscv32"]);
    t.is(
      await page.locator("#matrix thead th").count(),
      await page.locator("#matrix tbody tr").first().locator("td").count(),
    );
    const all = await page.locator("#matrix tbody td").first().textContent();
    await page.locator("#operation").selectOption("map");
    t.not(await page.locator("#matrix tbody td").first().textContent(), all);
    const differing = page.locator("article").first().locator(".picture td.differs");
    t.true((await differing.count()) >= 2, "hardware and reference, after the operation");
    t.true(await differing.first().isVisible());
    const width = await page.evaluate("document.documentElement.scrollWidth");
    t.true(Number(width) <= 1000, "the page does not scroll sideways");
    t.deepEqual(problems, []);
  });
});
