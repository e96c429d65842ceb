import type { LineTable, TableFormat } from "../core/runs/merge/lineTable";
import type { AxisKind } from "../core/runs/series/seriesAxis";
import type { SampledSeries, SampleRequest } from "../core/runs/series/seriesSampler";
import type { TablePage } from "../core/runs/series/seriesTable";
import type { Picture } from "./picture";

/** What is in sight of one line. `run` is an id that the page was told. */
export interface ChartRequest extends SampleRequest {
  readonly run: string;
}

/**
 * What the reader chose for charts of trainings, kept for the next ones that are opened. Metrics that are not named
 * here are shown: another training has others.
 */
export interface ChartChoices {
  readonly axis: AxisKind;
  readonly logarithmic: boolean;
  readonly smoothing: "average" | "mean";
  /** Weight of the average, 0 to `maxWeight`; 0 draws the values as they are. */
  readonly weight: number;
  /** Points on either side of the mean; 0 draws the values as they are. */
  readonly radius: number;
  /** Where smoothing differs from what it is by itself for that metric. */
  readonly smoothed: Readonly<Record<string, boolean>>;
  /** Metrics that are not drawn. */
  readonly hidden: readonly string[];
  /** Families whose charts are folded away, or not, where that differs from what it is by itself. */
  readonly folded: Readonly<Record<string, boolean>>;
}

/** What a page with charts of trainings may ask of the extension. */
export interface ChartHostCalls {
  /** In the order of the requests; undefined where there is nothing to show. */
  sample(params: { readonly requests: readonly ChartRequest[] }): readonly (SampledSeries | undefined)[];
  rows(params: {
    readonly table: LineTable<string>;
    readonly first: number;
    readonly length: number;
  }): TablePage;
  /** The row nearest to a position; undefined in an empty table. */
  findRow(params: { readonly table: LineTable<string>; readonly x: number }): number | undefined;
  /** All rows, to the clipboard: they need not pass through the page. */
  copyTable(params: {
    readonly table: LineTable<string>;
    /** Of the positions, of the epochs where there are, and of each column. */
    readonly headers: readonly string[];
    readonly format: TableFormat;
  }): void;
  /** Asks the user where to put it. */
  savePng(params: Picture): void;
  rememberChoices(params: { readonly choices: ChartChoices }): void;
}
