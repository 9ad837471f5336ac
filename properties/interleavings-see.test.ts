/**
 * The interleavings must find what is wrong: the shared variant with one mistake each, of the kinds that threads
 * make. Every scene of the small ones is tried until one of them shows it.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Mistake, stampStepped } from "../build/stepped-stamp.js";
import { explore, type Scene, Stage } from "../fuzz/concurrency/index.js";
import {
  configurationOf,
  growingScenes,
  mapScenesOf,
  scenesOf,
  steppedStampOf,
  tinyOf,
} from "./stepped-scenes.js";

const DIST = dirname(dirname(fileURLToPath(import.meta.url)));

const SHARED = "engine/variants/shared";
const amdv1 = tinyOf("amdv1");
const growing = configurationOf("amdv1/tiny-growing");

interface Case {
  readonly title: string;
  readonly mistakes: readonly Mistake[];
  readonly scenes: readonly Scene[];
  /** What is found, in the scene that shows it. */
  readonly sees: RegExp;
}

const CASES: readonly Case[] = [
  {
    title: "a table is linked before it is empty",
    mistakes: [
      {
        file: "engine/map-runs",
        text: "    const isLinked = linkTable(domain, words, item, table, level);\n",
        by: `    const rubbish = 0x80000061 | 0;
    words.fill(rubbish, table, table + 1024);
    const isLinked = linkTable(domain, words, item, table, level);
    words.fill(0, table, table + 1024);
`,
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds .* it may find nothing/,
  },
  {
    title: "a table pointer is stored without comparing",
    mistakes: [
      {
        file: SHARED,
        text: "return Atomics.compareExchange(domain.pairs, item >> 1, pairs[0], pairs[1]) === pairs[0];",
        by: "Atomics.store(domain.pairs, item >> 1, pairs[1]); return true;",
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds nothing at/,
  },
  {
    title: "the loser keeps the table that it made",
    mistakes: [
      {
        file: "engine/map-runs",
        text: "    domain.memory.quarantine(unused, NO_FRAME);\n    domain.memory.releaseList(unused);\n",
        by: "",
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /frames are in use; hardware reaches/,
  },
  {
    title: "the loser goes on in its own table",
    mistakes: [
      {
        file: "engine/map-runs",
        text: "return isLinked ? table : tableOfAnother(domain, item, level, table);",
        by: "return table;",
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds nothing at/,
  },
  {
    title: "a table pointer's words are exchanged one by one, the low one first",
    mistakes: [
      {
        file: "engine/variants/stepped",
        text: "const isInstalled = shared.exchangeFound(domain, words, item, low, high);",
        by: `const isInstalled = Atomics.compareExchange(words, item, 0, low) === 0;
    if (isInstalled) {
        step(item);
        Atomics.store(words, item + 1, high);
    }`,
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds /,
  },
  {
    title: "a leaf's word with the valid bit comes first",
    mistakes: [
      {
        file: "engine/items",
        text: `    if (itemWords === 2)
        prepareWord(domain, words, (item + 1) | 0, high);
    storeWord(domain, words, item, low);
`,
        by: `    storeWord(domain, words, item, low);
    if (itemWords === 2)
        prepareWord(domain, words, (item + 1) | 0, high);
`,
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds /,
  },
  {
    title: "an item's word with the valid bit is cleared last",
    mistakes: [
      {
        file: "engine/variants/stepped",
        text: `    for (let item = first; item < end; item += itemWords)
        storeWord(domain, words, item, 0);
`,
        by: `    for (let word = end - 1; word >= first; word--)
        storeWord(domain, words, word, 0);
`,
      },
    ],
    scenes: scenesOf(amdv1),
    sees: /hardware finds /,
  },
  {
    title: "the top is published without comparing",
    mistakes: [
      {
        file: SHARED,
        text: "const found = Atomics.compareExchange(domain.topCell, 0, old, top);",
        by: "Atomics.store(domain.topCell, 0, top); const found = old;",
      },
    ],
    scenes: growingScenes(growing),
    sees: /hardware finds nothing at|frames are in use/,
  },
  {
    title: "a map trusts another thread to have written its table item back",
    mistakes: [
      {
        file: "engine/map-runs",
        text: "const isUnknown = threads && markedClean(0) === 0;",
        by: "const isUnknown = false;",
      },
    ],
    scenes: mapScenesOf(configurationOf("arm-short/noncoh")),
    sees: /hardware finds nothing at/,
  },
  {
    title: "a map trusts another thread to have told of a root's item",
    mistakes: [
      {
        file: "engine/map-runs",
        text: "if (threads && rootIsLoaded && at === domain.topLevel)",
        by: "if (false)",
      },
    ],
    scenes: mapScenesOf(tinyOf("x86-pae32")),
    sees: /hardware finds nothing at/,
  },
  {
    title: "root and level are published one after the other",
    mistakes: [
      {
        file: "engine/variants/stepped",
        text: `    const isPublished = shared.publishTop(domain, top);
`,
        by: `    const half = (top & ~7) | (domain.top & 7);
    Atomics.compareExchange(domain.topCell, 0, domain.top, half);
    step(TOP);
    Atomics.compareExchange(domain.topCell, 0, half, domain.top);
    const isPublished = shared.publishTop(domain, top);
`,
      },
    ],
    scenes: growingScenes(growing),
    sees: /hardware finds /,
  },
];

for (const [index, { title, mistakes, scenes, sees }] of CASES.entries()) {
  test(`interleavings see that ${title}`, async (t) => {
    const stamp = steppedStampOf(scenes[0].configuration);
    const stamps = await stampStepped(DIST, `mistake-${index}`, stamp, 2, mistakes);
    const missteps = scenes.map((scene) => explore(new Stage(scene, stamps)).misstep);
    const found = missteps.find((misstep) => misstep !== undefined);
    t.regex(found?.sentence ?? "nothing", sees);
    t.log(`${found?.sentence} after ${found?.turns.join("")}`);
  });
}
