import { type ModulePlace, placeOfModule } from "../../adapter/moduleName";
import { lastPart } from "../../text/lastPart";

/** Modules laid out by layer and kind, for a heat map. Plain data. */
export interface ModuleGrid {
  readonly rows: readonly GridRow[];
  /** Kinds of modules, in the order of their first appearance. */
  readonly columns: readonly GridColumn[];
  /** Index into the list of modules, -1 where there is none; row by row. */
  readonly cells: Int32Array;
}

export interface GridRow {
  /** "3", or the path of the block where stacks differ, or "" for modules outside of any layer. */
  readonly label: string;
  readonly block: string;
}

export interface GridColumn {
  /** As short as it may be among the columns, e.g. "q_proj". */
  readonly label: string;
  readonly kind: string;
}

/** Names that share neither layers nor kinds would lay out a grid of their squared number. */
const maxGridCells = 1_000_000;

/** Lays out modules by the layer and the kind that their paths tell. Modules without a layer share one row. */
export function moduleGrid(modules: readonly string[]): ModuleGrid {
  const places = modules.map(placeOfModule);
  const blocks = orderedBlocks(places);
  const kinds = [...new Set(places.map(({ kind }) => kind))];
  if (blocks.length * kinds.length > maxGridCells) return moduleList(modules);
  const rowOf = new Map(blocks.map(({ block }, index) => [block, index]));
  const columnOf = new Map(kinds.map((kind, index) => [kind, index]));
  const cells = new Int32Array(blocks.length * kinds.length).fill(-1);
  for (const [index, { block, kind }] of places.entries()) {
    const at = (rowOf.get(block) ?? 0) * kinds.length + (columnOf.get(kind) ?? 0);
    if (cells[at] === -1) cells[at] = index;
  }
  const isOneStack = new Set(blocks.map(({ stack }) => stack).filter((stack) => stack !== "")).size <= 1;
  const rows = blocks.map(({ block, indexes }) => ({
    block,
    label: isOneStack ? indexes.join(".") : block,
  }));
  return { rows, columns: labelledKinds(kinds), cells };
}

/** One module a row: where names tell no pattern. */
function moduleList(modules: readonly string[]): ModuleGrid {
  return {
    rows: modules.map((module) => ({ block: module, label: module })),
    columns: [{ label: "module", kind: "" }],
    cells: Int32Array.from(modules, (_, index) => index),
  };
}

/** Stacks in the order of their first module, in each the layers by number; what has no layer comes last. */
function orderedBlocks(places: readonly ModulePlace[]): ModulePlace[] {
  const byBlock = new Map<string, ModulePlace>();
  for (const place of places) if (!byBlock.has(place.block)) byBlock.set(place.block, place);
  const blocks = [...byBlock.values()];
  const stacks = new Map<string, number>();
  for (const { stack } of blocks) if (!stacks.has(stack)) stacks.set(stack, stacks.size);
  const orderOf = ({ stack }: ModulePlace) =>
    stack === "" ? Number.POSITIVE_INFINITY : (stacks.get(stack) ?? 0);
  return blocks.sort((a, b) => orderOf(a) - orderOf(b) || compareIndexes(a.indexes, b.indexes));
}

function compareIndexes(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The last part of each kind, where no two kinds share it; else the whole kind. */
function labelledKinds(kinds: readonly string[]): GridColumn[] {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(lastPart(kind), (counts.get(lastPart(kind)) ?? 0) + 1);
  return kinds.map((kind) => {
    const short = lastPart(kind);
    return { kind, label: counts.get(short) === 1 ? short : kind };
  });
}
