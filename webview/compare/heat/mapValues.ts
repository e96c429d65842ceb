import type { ModuleGrid } from "../../../src/core/compare/modules/moduleGrid";
import type { CopiedTable, CopyFormat } from "../../ui/tables/copyButtons";

/** Something about every module in every column, as a map, as a table, and as text. */
export interface MapValues {
  readonly columns: readonly { readonly path: string; readonly label: string }[];
  readonly modules: readonly string[];
  /** Undefined where there is none. */
  value(module: number, column: number): number | undefined;
  /** Whether there is no such module in the column, or none to hold it against. */
  isAbsent(module: number, column: number): boolean;
  /** What a place without a value says. */
  absence(module: number, column: number): string;
  /** Why there is nothing to show of a column. */
  none(column: number): string | undefined;
  format(value: number): string;
  /** With all digits that mean something, for a spreadsheet. */
  exact(value: number): string;
}

export function valueText(values: MapValues, module: number, column: number): string {
  const value = values.value(module, column);
  return value === undefined ? values.absence(module, column) : values.format(value);
}

/** Longer ones are told by their tooltip. */
const longestTitle = 20;

/** In characters, of titles and cells. */
export function longestText(values: MapValues): number {
  let longest = 0;
  for (const [column, { label }] of values.columns.entries()) {
    longest = Math.max(longest, Math.min(label.length, longestTitle));
    for (let module = 0; module < values.modules.length; module++)
      longest = Math.max(longest, valueText(values, module, column).length);
  }
  return longest;
}

/** What is copied crosses as one message. */
const maxCopiedCells = 40_000;

/** The twin of a map: a row a module. */
export function copiedValues(values: MapValues, order: readonly number[], format: CopyFormat): CopiedTable {
  const { columns, modules } = values;
  const rows = order.slice(0, Math.max(1, Math.floor(maxCopiedCells / (columns.length + 1))));
  const table = {
    headers: ["Module", ...columns.map(({ label }) => label)],
    rows: rows.map((module) => [
      modules[module] ?? "",
      ...columns.map((_, at) => {
        const value = values.value(module, at);
        return format === "CSV" && value !== undefined ? values.exact(value) : valueText(values, module, at);
      }),
    ]),
    alignEnd: new Set(columns.map((_, at) => at + 1)),
  };
  return { table, what: `${rows.length} modules` };
}

export type ModuleOrder = "layer" | "kind";

/** Indexes of the modules in the order of their layers, and in each in the order of kinds; or the other way round. */
export function inGridOrder(
  grid: ModuleGrid,
  count: number,
  order: ModuleOrder = "layer",
): readonly number[] {
  const [layers, kinds] = [grid.rows.length, grid.columns.length];
  const places =
    order === "layer"
      ? [...grid.cells]
      : Array.from(
          { length: layers * kinds },
          (_, at) => grid.cells[(at % layers) * kinds + Math.floor(at / layers)] ?? -1,
        );
  // Two modules of one place, which a name that repeats its layer can bring about, come last.
  const placed = new Set(places.filter((index) => index >= 0));
  return [
    ...placed,
    ...Array.from({ length: count }, (_, index) => index).filter((index) => !placed.has(index)),
  ];
}
