/** Changes that change no answer: they must survive, or the suite calls right what is wrong. */
import type { Control } from "../mutant.js";

export const controls: readonly Control[] = [
  {
    id: "C1",
    title: "runs of entries are cut short, and the next turn of the loop maps the rest",
    source: "generic page tables: leaf counts used as item counts, with the retry that hides it",
    configurations: ["amdv1/top2-va64", "amdv1/top3-va64", "riscv64/sv39"],
    patches: [
      {
        file: "engine/map-runs",
        find: "const leaves = addressLinearLg2 < 64 ? leavesToCarry(paLow, paHigh, sizeLg2, wanted) : wanted;",
        replace: "const leaves = Math.max(1, wanted >> contiguousLg2);",
      },
    ],
  },
  {
    id: "C2",
    title: "the two words of a new top's first item are stored in the other order, before anyone can see it",
    source: "two independent stores into a table that is not linked yet",
    configurations: ["amdv1/top2-va64", "amdv1/top1-va31-queued", "amdv1/tiny-growing-twice"],
    patches: [
      {
        file: "engine/items",
        find: "export function clearItem(domain, words, item) {",
        replace: `export function linkBackwards(domain, words, item, table, level) {
          const addressLow = domain.memory.addressLow(table);
          const addressHigh = domain.memory.addressHigh(table);
          storeWord(domain, words, item, tableItemLow(addressLow, addressHigh, level, domain.tableLowBits));
          storeWord(domain, words, item + 1, tableItemHigh(addressLow, addressHigh, domain.tableHighBits));
        }
        export function clearItem(domain, words, item) {`,
      },
      {
        file: "engine/grow",
        find: 'import { linkTable } from "./items.js";',
        replace: 'import { linkBackwards } from "./items.js";',
      },
      {
        file: "engine/grow",
        find: "linkTable(domain, domain.words, table, root, top);",
        replace: "linkBackwards(domain, domain.words, table, root, top);",
      },
    ],
  },
];
