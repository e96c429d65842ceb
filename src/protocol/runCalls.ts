import type { ChartSource, RunNews } from "../core/runs/merge/chartedRun";
import type { LineTable, TableFormat, TableText } from "../core/runs/merge/lineTable";
import type { RunHead } from "../core/runs/merge/runHead";
import type { DiscoveredRuns } from "../core/runs/run";
import type { SampledSeries, SampleRequest } from "../core/runs/series/seriesSampler";
import type { TablePage } from "../core/runs/series/seriesTable";
import type { LoggedRun } from "../core/runs/status/loggedRun";
import type { AlikeFiles } from "../core/runs/status/repeatedFiles";
import type { RunStatusNews } from "../core/runs/status/runStatusReader";
import type { UserStages } from "./checkpointCalls";

export interface DiscoverParams {
  readonly roots: readonly { readonly path: string; readonly name: string }[];
  /** Glob patterns, relative to a root, of what is not looked into. */
  readonly exclude: readonly string[];
  readonly maxDepth: number;
  readonly maxFolders: number;
  readonly userStages: UserStages;
  /** Names of metrics that each checkpoint tells besides its losses. */
  readonly metrics: readonly string[];
}

/** A run whose logs were read and can be read on, until its handle is closed. Nothing looks by itself. */
export interface OpenRun {
  readonly handle: number;
  readonly head: RunHead;
}

/** What the worker answers about training runs. */
export interface RunCalls {
  discoverRuns(params: DiscoverParams): DiscoveredRuns;
  /** What a run's logs say now, for its rows; undefined where they say nothing that its checkpoints do not. */
  runStatus(params: {
    readonly run: LoggedRun;
    readonly metrics: readonly string[];
  }): RunStatusNews | undefined;
  /** Sets of files that are the same byte for byte. Tells the bytes that were read. */
  findRepeated(params: { readonly alike: readonly AlikeFiles[] }): readonly (readonly string[])[];
  /** Reads all logs of a run. */
  followRun(params: { readonly run: ChartSource }): OpenRun;
  /** Reads one log, whatever kind it is. @throws CheckpointError `UnknownLog` where it is none. */
  followLog(params: { readonly path: string }): OpenRun;
  /**
   * Reads what is new in the logs since the last call. `run` says what is known of the run by now: its
   * checkpoints and which is best.
   */
  pollRun(params: { readonly handle: number; readonly run?: ChartSource }): RunNews;
  /** What charts show, in the order of the requests; undefined where there is nothing to show. */
  sampleRun(params: {
    readonly handle: number;
    readonly requests: readonly SampleRequest[];
  }): readonly (SampledSeries | undefined)[];
  /** Values last logged at or before a step, in the order of the questions; NaN where there is none. */
  valuesAt(params: {
    readonly handle: number;
    readonly of: readonly { readonly key: string; readonly step: number }[];
  }): Float64Array<ArrayBuffer>;
  /** Rows of a table whose columns may be of several runs, which are named by their handles. */
  tablePage(params: {
    readonly table: LineTable<number>;
    readonly first: number;
    readonly length: number;
  }): TablePage;
  /** The row nearest to a position; undefined in an empty table. */
  tableRow(params: { readonly table: LineTable<number>; readonly x: number }): number | undefined;
  /** `headers`: of the positions, of the epochs where there are, and of each column. */
  tableText(params: {
    readonly table: LineTable<number>;
    readonly headers: readonly string[];
    readonly format: TableFormat;
  }): TableText;
}
