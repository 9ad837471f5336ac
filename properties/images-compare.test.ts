/** Two tables are compared: no difference where there is none, and every difference that is made is found. */
import test from "ava";
import {
  compareItems,
  compareTranslations,
  type TableDifference,
  type Tables,
} from "../fuzz/images/index.js";
import { canCreate, PageTableSubject } from "../fuzz/lockstep/index.js";
import {
  type Configuration,
  configurationsOf,
  type FormatName,
  formatNames,
  generateProgram,
  type PhysicalMemory,
  Prot,
  plainMix,
  SeededDraws,
} from "../models/index.js";
import { Reference } from "../reference/index.js";

function first(format: FormatName): Configuration {
  const [configuration] = configurationsOf(format).filter(canCreate);
  return configuration;
}

function tablesOf(subject: PageTableSubject, memory: PhysicalMemory = subject.physical): Tables {
  const { root, mode } = subject.hardwareRoot();
  const configuration = { ...subject.configuration, topLevel: subject.table.topLevel };
  return { configuration, memory, root: { address: root, mode } };
}

function programmed(configuration: Configuration, seed: string): PageTableSubject {
  const subject = new PageTableSubject(configuration);
  const draws = new SeededDraws(seed);
  for (const operation of generateProgram(draws, new Reference(configuration), 60, plainMix)) {
    if (
      operation.op !== "deviceRead" &&
      operation.op !== "deviceWrite" &&
      operation.op !== "failNextAllocation"
    )
      subject.apply(operation);
  }
  return subject;
}

function differences(compare: (tell: (difference: TableDifference) => void) => void): TableDifference[] {
  const found: TableDifference[] = [];
  compare((difference) => found.push(difference));
  return found;
}

for (const format of formatNames) {
  test(`${format}: equal tables are equal, and what one unmap took away is the whole difference`, (t) => {
    const [one, other] = [1, 2].map(() => programmed(first(format), "compare"));
    const translations = () =>
      differences((tell) => compareTranslations(tablesOf(one), tablesOf(other), tell));
    const items = () => differences((tell) => compareItems(tablesOf(one), tablesOf(other), tell));
    t.deepEqual(translations(), []);
    t.deepEqual(items(), []);
    const entries = [...one.table.entries()];
    const entry = entries[Math.floor(entries.length / 2)];
    t.truthy(entry, "the program left nothing mapped");
    const lengthBytes = other.table.unmap(entry.iova, 1n << BigInt(entry.sizeLg2));
    t.deepEqual(
      translations().map(({ iova, lengthBytes: length, second }) => [iova, length, second]),
      [[entry.iova, lengthBytes, undefined]],
    );
    t.true(items().length > 0);
  });

  test(`${format}: every bit of a leaf item counts, unless it is ignored`, (t) => {
    const [one, other] = [1, 2].map(() => programmed(first(format), "compare"));
    const compared = (ignored: bigint) =>
      differences((tell) => compareItems(tablesOf(one), tablesOf(other), tell, ignored));
    const word = other.words.findIndex((value, index) => value !== 0 && value === one.words[index]);
    for (let bit = 1; bit < 12; bit += 2) {
      other.words[word] ^= 1 << bit;
      const found = compared(0n).length;
      t.true(found > 0, `bit ${bit}`);
      other.words[word] ^= 1 << bit;
    }
    t.deepEqual(compared(0n), []);
  });
}

test("tables of two formats that lead to the same places are equal, for every size and permission", (t) => {
  const formats = ["amdv1", "vtd-second-stage", "armv8-stage2"] as const;
  for (const sizeLg2 of [12n, 21n, 30n]) {
    for (const prot of [Prot.read, Prot.write, Prot.read | Prot.write]) {
      const made = formats.map((format) => {
        const subject = new PageTableSubject(first(format));
        const size = 1n << sizeLg2;
        subject.apply({ op: "map", iova: size, pa: 2n * size, length: size, prot });
        return tablesOf(subject);
      });
      for (const tables of made) {
        const found = differences((tell) => compareTranslations(made[0], tables, tell));
        t.deepEqual(found, [], `${tables.configuration.format}, 2^${sizeLg2}, ${prot}`);
      }
    }
  }
});
