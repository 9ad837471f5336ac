/** From the JSON of a vector file to checked values: every field named, every number in its range. */
import { asAddress, asInteger, asText, Fields, fail, readProt } from "./fields.js";
import { readTable } from "./tree-json.js";
import type { Creation, EffectiveConfig, Rollback, VectorCase, VectorConfig, VectorOp } from "./vector.js";

const ITEMS = 512;

export function readCreation(value: object, line: number): Creation {
  const object = new Fields(value, "");
  const ret = object.integer("ret", -4095, 0);
  return {
    line,
    format: object.text("format"),
    config: readConfig(object.object("config")),
    ret,
    effective: ret === 0 ? readEffective(object.object("effective")) : undefined,
    pageSizes: ret === 0 ? object.address("pageSizes") : 0n,
    exact: object.has("exact") && object.flag("exact"),
  };
}

function readConfig(object: Fields): VectorConfig {
  return {
    name: object.text("name"),
    maxVaLg2: object.integer("maxVaLg2", 0, 255),
    maxOaLg2: object.integer("maxOaLg2", 0, 255),
    topLevel: object.has("topLevel") ? object.integer("topLevel", 0, 255) : undefined,
    features: object.list("features").map((item, index) => asText(item, `${object.path}features[${index}]`)),
    encryptMask: object.address("encryptMask"),
    pgsizeMask: object.address("pgsizeMask"),
  };
}

function readEffective(object: Fields): EffectiveConfig {
  return {
    maxVaLg2: object.integer("maxVaLg2", 1, 64),
    maxOaLg2: object.integer("maxOaLg2", 1, 64),
    topLevel: object.integer("topLevel", 0, 5),
    features: object.list("features").map((item, index) => asText(item, `${object.path}features[${index}]`)),
  };
}

export function readCase(value: object, line: number): VectorCase {
  const object = new Fields(value, "");
  const ops = object.list("ops").map((op, index) => readOp(new Fields(op, `ops[${index}]`)));
  return {
    line,
    seed: object.integer("seed", 0, Number.MAX_SAFE_INTEGER),
    name: object.has("name") ? object.text("name") : undefined,
    ops,
    tables: readTable(object.object("tables"), ITEMS, ITEMS),
    live: object.integer("live", 0, 2 ** 31),
  };
}

function readOp(object: Fields): VectorOp {
  const op = object.text("op");
  switch (op) {
    case "map":
    case "map_range":
      return readMap(object, op);
    case "unmap":
      return { op, ...object.range(), ...readRemoval(object) };
    case "unmap_fast":
      return {
        op,
        ...object.range(),
        queued: object.flag("queued"),
        ...readRemoval(object),
        pending: readPending(object),
      };
    case "sync":
      return {
        op,
        queued: object.has("queued") && object.flag("queued"),
        gather: object.ranges("gather"),
        freed: object.count("freed"),
      };
    case "iova_to_phys":
      return {
        op,
        iova: object.address("iova"),
        pa: object.value("pa") === null ? undefined : object.address("pa"),
      };
    case "set_dirty":
      return { op, iova: object.address("iova"), ret: object.integer("ret", -4095, 0) };
    case "rcd":
      return {
        op,
        ...object.range(),
        noClear: object.flag("noClear"),
        ret: object.integer("ret", -4095, 0),
        dirty: object.pairs("dirty"),
        gather: object.ranges("gather"),
      };
    default:
      return fail(`${object.path}op`, `no operation is called ${JSON.stringify(op)}`);
  }
}

function readMap(object: Fields, op: "map" | "map_range"): VectorOp {
  const ret = object.integer("ret", -4095, 0);
  const rollsBack = op === "map" && ret !== 0;
  return {
    op,
    ...object.range(),
    pa: object.address("pa"),
    prot: readProt(object),
    failAlloc: object.has("failAlloc") ? object.integer("failAlloc", 1, 2 ** 31 - 1) : 0,
    ret,
    mapped: object.address("mapped"),
    alloc: object.has("alloc") ? object.count("alloc") : 0,
    freed: object.has("freed") ? object.count("freed") : 0,
    gather: object.has("gather") ? object.ranges("gather") : [],
    newTop: object.has("newTop")
      ? object.list("newTop").map((level, index) => asInteger(level, 0, 5, `${object.path}newTop[${index}]`))
      : [],
    rollback: rollsBack ? readRemoval(object.object("rollback")) : undefined,
  };
}

function readRemoval(object: Fields): Rollback {
  return {
    unmapped: object.address("unmapped"),
    gather: object.ranges("gather"),
    freed: object.count("freed"),
  };
}

function readPending(object: Fields): [bigint, bigint, number] {
  const path = `${object.path}pending`;
  const list = object.list("pending");
  if (list.length !== 3) fail(path, "[start, end, pages waiting]");
  return [
    asAddress(list[0], `${path}[0]`),
    asAddress(list[1], `${path}[1]`),
    asInteger(list[2], 0, 2 ** 31, `${path}[2]`),
  ];
}
