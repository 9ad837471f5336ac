/**
 * The branches of a module, found in its syntax: every way that the control flow can take, whatever the stamper
 * makes of it. Each is known by places of the one source, for only those are the same in every stamp.
 */
import { type Node, parse } from "acorn";
import type { CoverageException } from "../../fuzz/coverage/exceptions.js";
import type { Segment } from "./source-map.js";

/** A place of the source, `line:column`. */
export type Place = string;

export interface Branch {
  readonly kind: CoverageException["kind"];
  /** Of the construct, in the source. Lines count from 1, columns from 0. */
  readonly line: number;
  readonly column: number;
  /** Places inside the branch, in their order: where one of them runs, the branch is taken. */
  readonly places: readonly Place[];
  /**
   * For the way past an `if` without `else`, which has no place of its own: it is taken where the first of these
   * (the condition) runs more often than the first of `places` (what is skipped).
   */
  readonly condition?: readonly Place[] | undefined;
}

export function placeOf({ line, column }: Pick<Segment, "line" | "column">): Place {
  return `${line}:${column}`;
}

/** The branches of a compiled module, in the order of the source. */
export function branchesOf(text: string, segments: readonly Segment[]): readonly Branch[] {
  const finder = new Finder(segments);
  finder.visit(parse(text, { ecmaVersion: 2022, sourceType: "module" }));
  return finder.branches.sort((a, b) => a.line - b.line || a.column - b.column);
}

type Extent = Pick<Node, "start" | "end">;

const FUNCTIONS = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
const LOOPS = ["ForStatement", "WhileStatement", "ForOfStatement", "ForInStatement"];

class Finder {
  readonly branches: Branch[] = [];
  readonly #segments: readonly Segment[];
  readonly #functions: Extent[] = [];

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  visit(root: Node): void {
    this.#collectFunctions(root);
    this.#visit(root);
  }

  #collectFunctions(node: Node): void {
    if (FUNCTIONS.includes(node.type)) this.#functions.push(node);
    for (const child of childrenOf(node)) this.#collectFunctions(child);
  }

  #visit(node: Node): void {
    const { type } = node;
    if (FUNCTIONS.includes(type)) this.#add("function", node, part(node, "body"));
    else if (LOOPS.includes(type)) this.#add("body", node, part(node, "body"));
    else if (type === "IfStatement") this.#addIf(node);
    else if (type === "ConditionalExpression") {
      this.#add("then", node, part(node, "consequent"));
      this.#add("else", node, part(node, "alternate"));
    } else if (type === "LogicalExpression") this.#add("right", part(node, "right"), part(node, "right"));
    else if (type === "AssignmentPattern") this.#add("default value", node, part(node, "right"));
    else if (type === "SwitchCase") this.#addCase(node);
    for (const child of childrenOf(node)) this.#visit(child);
  }

  #addIf(node: Node): void {
    const [test, consequent, alternate] = ["test", "consequent", "alternate"].map((name) => part(node, name));
    this.#add("then", node, consequent);
    if (alternate !== undefined) this.#add("else", node, alternate);
    else if (test !== undefined) this.#add("else", node, consequent, this.#placesIn(test));
  }

  #addCase(node: Node): void {
    const statements = childrenOf(node).filter((child) => child !== part(node, "test"));
    const [first, last] = [statements.at(0), statements.at(-1)];
    if (first === undefined || last === undefined) return;
    this.#add("case", node, { start: first.start, end: last.end });
  }

  #add(
    kind: Branch["kind"],
    at: Extent | undefined,
    inside: Extent | undefined,
    condition?: readonly Place[],
  ): void {
    if (at === undefined || inside === undefined) return;
    const places = this.#placesIn(withoutBraces(inside));
    const where = this.#segments.find(({ offset }) => offset >= at.start);
    // What has no text of its own can neither run nor be missed.
    if (places.length === 0 || where === undefined) return;
    this.branches.push({ kind, line: where.line, column: where.column, places, condition });
  }

  /** The places in an extent, but for those in functions that begin in it: they run when these are called. */
  #placesIn({ start, end }: Extent): readonly Place[] {
    const inner = this.#functions.filter((one) => one.start >= start && one.end <= end);
    const own = this.#segments.filter(
      ({ offset }) =>
        offset >= start && offset < end && !inner.some((one) => offset >= one.start && offset < one.end),
    );
    return own.map(placeOf);
  }
}

/** What stands in a block. */
function withoutBraces(extent: Extent): Extent {
  if (!isNode(extent) || extent.type !== "BlockStatement") return extent;
  const statements = childrenOf(extent);
  return { start: statements.at(0)?.start ?? extent.end, end: statements.at(-1)?.end ?? extent.end };
}

function part(node: Node, name: string): Node | undefined {
  const value: unknown = Reflect.get(node, name);
  return isNode(value) ? value : undefined;
}

function childrenOf(node: Node): readonly Node[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}
