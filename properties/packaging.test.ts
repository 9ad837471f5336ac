/** What npm would publish, packed, installed into somebody's project and used there. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import test from "ava";
import { build } from "esbuild";
import { publint } from "publint";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** A project that has nothing but genpt, installed from the packed file without a network. */
async function createConsumer() {
  const directory = await mkdtemp(join(tmpdir(), "genpt-consumer-"));
  // dist is built when tests run; packing must not build it anew under the feet of the other tests.
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", directory];
  const { stdout } = await run("npm", pack, { cwd: root });
  const [packed]: Packed[] = JSON.parse(stdout);
  await writeFile(join(directory, "package.json"), '{ "name": "consumer", "private": true }\n');
  const tarball = join(directory, packed.filename);
  const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball];
  await run("npm", install, { cwd: directory });
  return { directory, tarball, paths: packed.files.map(({ path }) => path) };
}

const consumer = createConsumer();

test.after.always(async () => {
  await rm((await consumer).directory, { recursive: true, force: true });
});

/** Maps, looks up and unmaps; reads what it needs from `genpt` and, again, from `genpt/amdv1`. */
const USE = `
const memory = new genpt.TableMemory();
const table = genpt.amdv1.create({ memory });
table.map(0x20_0000n, 0x8_4020_0000n, 0x20_0000n, genpt.Prot.read | genpt.Prot.write);
const found = table.lookup(0x20_1234n).toString(16);
const removed = table.unmap(0x20_0000n, 0x20_0000n);
let refused;
try {
  table.map(0x20_0000n, 0x8_4020_0000n, 0n, genpt.Prot.read);
} catch (error) {
  refused = error instanceof genpt.PageTableError && error.code;
}
const same = genpt.amdv1 === amdv1.amdv1 && amdv1.amdv1.create({ memory }).format;
console.log([found, removed, table.lookup(0x20_1234n), refused, same].map(String).join(" "));
`;

const USED = "840201234 2097152 undefined ZERO_LENGTH amdv1\n";

async function runScript(name: string, source: string): Promise<string> {
  const { directory } = await consumer;
  await writeFile(join(directory, name), source);
  const { stdout } = await run(process.execPath, [name], { cwd: directory });
  return stdout;
}

test("an ES module imports the package, and a format by itself, and meets the same classes", async (t) => {
  const imports = 'import * as genpt from "genpt";\nimport * as amdv1 from "genpt/amdv1";';
  t.is(await runScript("use.mjs", imports + USE), USED);
});

test("a CommonJS module requires the package, and a format by itself, and meets the same classes", async (t) => {
  const requires = 'const genpt = require("genpt");\nconst amdv1 = require("genpt/amdv1");';
  t.is(await runScript("use.cjs", requires + USE), USED);
});

const USE_IOMMU = `
const memory = new genpt.TableMemory();
const freeQueue = new iommu.CpuFreeQueues(memory);
const pageSizes = iommu.usedPageSizes(0x40201000n);
const owed = { flags: 0 };
const mapped = [iommu.AmdPaging, iommu.IntelPaging].map((Paging) => {
  const paging = new Paging({ memory, freeQueue, levels: 4, pageSizes });
  const domain = new iommu.IommuDomain({ id: 1, pageSizes, paging, flush: { flush: () => 0 } });
  domain.map(0x200, 0x400, 512, iommu.Access.read, owed);
  return domain.lookup(0x201).mfn.toString(16);
});
console.log([...mapped, owed.flags, iommu.PageTableError === genpt.PageTableError].join(" "));
`;

test("genpt/iommu works in both module systems, on the memory of genpt", async (t) => {
  const imports = 'import * as genpt from "genpt";\nimport * as iommu from "genpt/iommu";';
  const requires = 'const genpt = require("genpt");\nconst iommu = require("genpt/iommu");';
  t.is(await runScript("iommu.mjs", imports + USE_IOMMU), "401 401 1 true\n");
  t.is(await runScript("iommu.cjs", requires + USE_IOMMU), "401 401 1 true\n");
});

test("a bundle for browsers runs where there is nothing of Node", async (t) => {
  const { directory } = await consumer;
  const contents = `import * as genpt from "genpt";\nimport * as amdv1 from "genpt/amdv1";${USE}`;
  const { outputFiles, warnings } = await build({
    stdin: { contents, resolveDir: directory },
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    logLevel: "silent",
  });
  t.deepEqual(warnings, []);
  let printed = "";
  const console = {
    log: (line: string) => {
      printed += `${line}\n`;
    },
  };
  runInNewContext(outputFiles[0].text, { console });
  t.is(printed, USED);
});

test("a bundle of one format leaves the other formats out", async (t) => {
  const { directory } = await consumer;
  const bundle = async (from: string) => {
    const contents = `import { riscv32 } from "${from}";\nconsole.log(riscv32.name);`;
    const stdin = { contents, resolveDir: directory };
    const { outputFiles } = await build({ stdin, bundle: true, write: false, minify: true, format: "esm" });
    return outputFiles[0].text;
  };
  t.false((await bundle("genpt/riscv32")).includes('"vtd-second-stage"'));
  t.false((await bundle("genpt")).includes('"vtd-second-stage"'));
});

test("the models and the reference work from genpt/testing, in both module systems", async (t) => {
  const use = `
const configuration = testing.findConfiguration("riscv64/sv39");
const reference = new testing.Reference(configuration);
const random = testing.Random.fromSeed("seed");
console.log(reference.topLevel, random.int32(), testing.createWalker(configuration, new testing.SparseMemory()).walk(0, 0));
`;
  const esm = await runScript("testing.mjs", `import * as testing from "genpt/testing";${use}`);
  const cjs = await runScript("testing.cjs", `const testing = require("genpt/testing");${use}`);
  t.regex(esm, /^2 -?\d+ \d+\n$/);
  t.is(cjs, esm);
});

const TYPED = `import { amdv1, x86_64, type PageTable, Prot, TableMemory } from "genpt";
import { riscv64 } from "genpt/riscv64";
import { AmdPaging, CpuFreeQueues, type DomainOptions, IommuDomain } from "genpt/iommu";
import { Reference, findConfiguration, generateProgram, minimise } from "genpt/testing";
const memory = new TableMemory({ capacityBytes: 1 << 20 });
const table: PageTable = amdv1.create({ memory, topLevel: 3, forceCoherence: true });
const found: bigint | undefined = table.lookup(0n);
x86_64.create({ memory, signExtended: false });
riscv64.create({ memory, vaWidthLg2: 39, svnapot: true }).map(0n, 0n, 4096n, Prot.read);
const freeQueue = new CpuFreeQueues(memory);
const paging = new AmdPaging({ memory, freeQueue, levels: 4 });
const options: DomainOptions = { id: 1, pageSizes: 0x1000n, paging, flush: { flush: () => 0 } };
const pages: number = new IommuDomain(options).map(0, 0, 1, 3, { flags: 0 });
export { found, pages, Reference, findConfiguration, generateProgram, minimise };
`;

/** One mistake a line. */
const MISTYPED = `import { amdv1, riscv64, x86_64, TableMemory } from "genpt"; const memory = new TableMemory();
amdv1.create({ memory, svnapot: true });
amdv1.create({ memory, topLevel: 6 });
x86_64.create({ memory, forceCoherence: true });
riscv64.create({ memory, vaWidthLg2: 40 });
amdv1.create({});
amdv1.create({ memory }).map(0, 0, 4096, 1);
`;

async function compile(files: readonly string[]): Promise<string> {
  const { directory } = await consumer;
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
  const target = ["--target", "es2022", "--lib", "es2022", "--module", "nodenext", "--types", ""];
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    const args = [tsc, ...options, ...target, "--pretty", "false", ...files];
    await run(process.execPath, args, { cwd: directory });
    return "";
  } catch (error) {
    if (error instanceof Error && "stdout" in error) return String(error.stdout);
    throw error;
  }
}

test("types are found from ES modules and from CommonJS, and need nothing else installed", async (t) => {
  const { directory } = await consumer;
  await writeFile(join(directory, "typed.mts"), TYPED);
  await writeFile(join(directory, "typed.cts"), TYPED);
  t.is(await compile(["typed.mts", "typed.cts"]), "");
});

test("a wrong option is a compile error", async (t) => {
  const { directory } = await consumer;
  await writeFile(join(directory, "mistyped.mts"), MISTYPED);
  const lines = [...(await compile(["mistyped.mts"])).matchAll(/^mistyped\.mts\((\d+),/gm)];
  t.deepEqual([...new Set(lines.map(([, line]) => Number(line)))], [2, 3, 4, 5, 6, 7]);
});

test("the command line runs from the installed package", async (t) => {
  const { directory } = await consumer;
  const genpt = join(directory, "node_modules", ".bin", "genpt");
  const { stdout } = await run(genpt, ["fuzz", "--ops", "300", "--seed", "packed", "--json"], {
    cwd: directory,
  });
  const { operations, failures } = JSON.parse(stdout);
  t.deepEqual({ operations, failures }, { operations: 300, failures: 0 });
});

test("campaigns, findings and reports work from the installed package", async (t) => {
  const { directory } = await consumer;
  const genpt = join(directory, "node_modules", ".bin", "genpt");
  const fuzz = ["fuzz", "--config", "sv32", "--ops", "10", "--seed", "kept", "--campaign", "kept"];
  await run(genpt, fuzz, { cwd: directory });
  const report = await readFile(join(directory, "kept", "report.html"), "utf8");
  t.regex(report, /<title>genpt campaign kept<\/title>/);
  t.true(report.includes("uPlot=function"), "the plotting library is in it");
  t.is((await run(genpt, ["findings", "list"], { cwd: directory })).stdout, "no findings\n");
});

test("the package has no dependencies, and carries only what it runs", async (t) => {
  const { paths } = await consumer;
  const description = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  t.is(description.dependencies, undefined);
  t.deepEqual(Object.keys(description.peerDependenciesMeta), Object.keys(description.peerDependencies));
  t.deepEqual(
    paths.filter((path) => /\.test\.|properties\/|bench\/|\.ts$/.test(path) && !path.endsWith(".d.ts")),
    [],
  );
  t.true(paths.includes("LICENSE") && paths.includes("README.md"));
});

test("publint has nothing to say", async (t) => {
  const { messages } = await publint({ pkgDir: root, strict: true, pack: false });
  t.deepEqual(messages, []);
});

test("types are right for every way to resolve them", async (t) => {
  const { tarball } = await consumer;
  const names = ["amdv1", "amdv1-mock", "x86-64", "vtd-second-stage", "riscv64", "riscv32"];
  const entrypoints = [".", "iommu", "testing", "testing/arbitraries", ...names];
  const analysed = createPackageFromTarballData(await readFile(tarball));
  const result = await checkPackage(analysed, { entrypoints });
  const problems = "problems" in result ? result.problems : ["no types"];
  // Resolution as it was before `exports`, which TypeScript's "node10" is, knows no subpaths.
  const wrong = problems.filter((problem) => !JSON.stringify(problem).includes('"resolutionKind":"node10"'));
  t.deepEqual(wrong, []);
});
