/**
 * The report of a campaign: one HTML file that needs nothing else. Tables and pictures are plain HTML; the plots and the
 * matrix are drawn from the data in the page, by the library and the script that are in it too.
 */
import { readFileSync } from "node:fs";
import type { Box, Picture, PictureRow } from "./picture.js";
import type { ReportData, ReportedFinding } from "./report-data.js";
import { REPORT_SCRIPT } from "./report-script.js";
import { REPORT_STYLE } from "./report-style.js";

/** The page's text. */
export function reportPage(data: ReportData): string {
  const title = `genpt campaign ${escaped(data.seed)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${plotLibrary("uPlot.min.css")}${REPORT_STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${facts(data)}
</header>
<main>
${verdict(data)}
<section aria-labelledby="growth">
<h2 id="growth">Over time</h2>
<div class="plots" id="plots"></div>
${samplesTable(data)}
</section>
<section aria-labelledby="matrix-title">
<h2 id="matrix-title">What was exercised</h2>
<p>How many operations were judged by each invariant, by format. An invariant counts where it had something to say: I4
where a request failed, I13 where a walker does not snoop, I16 where the top grew.</p>
<p><label for="operation">Operation</label> <select id="operation"></select></p>
<div class="scroll" tabindex="0" role="region" aria-label="Formats and invariants"><table id="matrix"></table></div>
</section>
<section aria-labelledby="findings">
<h2 id="findings">Findings</h2>
${data.findings.length === 0 ? "<p>None.</p>" : data.findings.map(findingArticle).join("\n")}
${others(data)}
</section>
</main>
<script type="application/json" id="data">${embedded(data)}</script>
<script>${plotLibrary("uPlot.iife.min.js")}</script>
<script>${REPORT_SCRIPT}</script>
</body>
</html>
`;
}

/** A file of the plotting library, which the build puts beside the modules. */
function plotLibrary(name: string): string {
  return readFileSync(new URL(`../../vendor/uplot/${name}`, import.meta.url), "utf8");
}

/** What the page's script draws from; no text of it can end the element. */
function embedded({ samples, coverage, judged, formats, invariants }: ReportData): string {
  return JSON.stringify({ samples, coverage, judged, formats, invariants }).replaceAll("<", "\\u003c");
}

function facts(data: ReportData): string {
  const { milliseconds, operations, units, states, configurations, formats, commit, oracles } = data;
  const perSecond = Math.round((operations * 1000) / Math.max(milliseconds, 1));
  const pairs: readonly (readonly [name: string, value: string])[] = [
    ["operations", thousands(operations)],
    ["operations a second", thousands(perSecond)],
    ["units", thousands(units)],
    ["states seen", thousands(states)],
    ["time", duration(milliseconds)],
    ["configurations", `${configurations} of ${formats.length} format${formats.length === 1 ? "" : "s"}`],
    ["oracles", oracles.length === 0 ? "none" : oracles.join(", ")],
    ["commit", commit === "" ? "unknown" : commit.slice(0, 12)],
  ];
  const items = pairs.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`);
  return `<dl class="facts">${items.join("")}</dl>`;
}

function verdict({ failures, findings, ended, canary }: ReportData): string {
  const sentences = [
    failures === 0
      ? "Everyone agreed after every operation."
      : `${findings.length} finding${findings.length === 1 ? "" : "s"} in ${failures} failing unit${failures === 1 ? "" : "s"}.`,
  ];
  if (!ended) sentences.push("The campaign was interrupted; it can go on.");
  if (canary !== undefined) sentences.push("What was judged makes a mistake on purpose.");
  return `<p class="verdict ${failures === 0 ? "clean" : "failing"}">${sentences.join(" ")}</p>`;
}

/** The figures behind the plots, some of them. */
function samplesTable({ samples }: ReportData): string {
  const step = Math.max(1, Math.ceil(samples.length / 20));
  const some = samples.filter((_, index) => index % step === 0 || index === samples.length - 1);
  const rows = some.map(
    ({ milliseconds, operations, states, failures }) =>
      `<tr><td>${duration(milliseconds)}</td><td>${thousands(operations)}</td><td>${thousands(states)}</td><td>${failures}</td></tr>`,
  );
  const head = ["time", "operations", "states", "failing units"].map(
    (name) => `<th scope="col">${name}</th>`,
  );
  return `<details><summary>The figures</summary><div class="scroll"><table class="figures"><thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div></details>`;
}

function findingArticle({
  invariant,
  configuration,
  sentence,
  report,
  picture,
  replay,
  key,
}: ReportedFinding): string {
  return `<article>
<h3><span class="invariant">${invariant}</span> ${escaped(configuration)}</h3>
<p>${escaped(sentence)}</p>
${pictureFigure(picture)}
<p>Replay: <code>${escaped(replay)}</code></p>
<details><summary>Program and walks</summary><pre tabindex="0">${escaped(report)}</pre></details>
<p class="quiet">shape ${escaped(key)}</p>
</article>`;
}

function pictureFigure(picture: Picture): string {
  const columns = picture.columns.map(
    ({ first, length, isHere }) =>
      `<th scope="col"${isHere ? ' class="here"' : ""}>${isHere ? '<span class="mark">here</span>' : ""}${first}<small>${length}</small></th>`,
  );
  const groups = (["before", "after"] as const).map((when) => {
    const rows = picture.rows.filter((row) => row.when === when);
    if (rows.length === 0) return "";
    return `<tbody><tr><th class="when" colspan="${picture.columns.length + 1}" scope="rowgroup">${when}</th></tr>${rows.map(pictureRow).join("")}</tbody>`;
  });
  return `<figure class="picture"><figcaption>Around ${picture.address}, before and after <code>${escaped(picture.operation)}</code></figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="The table before and after">
<table><thead><tr><td></td>${columns.join("")}</tr></thead>${groups.join("")}</table></div></figure>`;
}

function pictureRow({ who, boxes }: PictureRow): string {
  return `<tr><th scope="row">${who}</th>${boxes.map(pictureBox).join("")}</tr>`;
}

function pictureBox({ columns, kind, label, differs }: Box): string {
  const mark = differs ? ' <strong class="mark">differs</strong>' : "";
  return `<td colspan="${columns}" class="${kind}${differs ? " differs" : ""}">${escaped(label)}${mark}</td>`;
}

function others({ others: tokens }: ReportData): string {
  if (tokens.length === 0) return "";
  const items = tokens.map((token) => `<li><code>npx genpt repro ${escaped(token)}</code></li>`);
  return `<details><summary>Also failing: ${tokens.length} configurations</summary><ul>${items.join("")}</ul></details>`;
}

function thousands(value: number): string {
  return String(value).replace(/\B(?=(?:[0-9]{3})+$)/g, " ");
}

/** `1 h 02 min 03 s`, without what is 0 in front. */
function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (seconds < 60) return `${(milliseconds / 1000).toFixed(1)} s`;
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, "0")} min ${String(seconds % 60).padStart(2, "0")} s`;
  return hours > 0 ? `${hours} h ${tail}` : tail;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
