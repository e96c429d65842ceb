import type { LineTable } from "../../core/runs/merge/lineTable";
import type { AxisKind } from "../../core/runs/series/seriesAxis";
import type { LineRequest, Smoothing } from "../../core/runs/series/seriesSampler";
import type { ChartChoices, ChartHostCalls, ChartRequest } from "../chartCalls";
import type { Picture } from "../picture";
import {
  bytesUpTo,
  fields,
  flag,
  kinds,
  list,
  maybe,
  number,
  oneOf,
  type ParamShape,
  type Params,
  record,
  shortText,
  whole,
} from "./shapes";

/** Lines of all charts of a page, and columns of its table. */
export const maxLines = 100_000;
/** Pixels of a chart, or rows of a table in sight. */
const maxInSight = 100_000;
/** A picture crosses as one message; more is no picture of a chart. */
const maxPictureBytes = 64_000_000;

export const picture: ParamShape<Picture> = fields<Picture>({
  bytes: bytesUpTo(maxPictureBytes),
  name: shortText,
});

const axis: ParamShape<AxisKind> = oneOf("step", "epoch", "wallTime", "relativeTime", "tokens");

const inSight: ParamShape<number> = (value, at) => Math.min(whole(value, at), maxInSight);

const smoothing = kinds<Smoothing>({
  average: fields<Extract<Smoothing, { kind: "average" }>>({ kind: oneOf("average"), weight: number }),
  mean: fields<Extract<Smoothing, { kind: "mean" }>>({ kind: oneOf("mean"), radius: whole }),
});

const line = { key: shortText, axis, smoothing: maybe(smoothing), positiveOnly: maybe(flag) };

const request = fields<ChartRequest>({ ...line, run: shortText, from: number, to: number, slices: inSight });

const table = fields<LineTable<string>>({
  columns: list(
    fields<LineRequest & { readonly run: string; readonly smoothed: boolean }>({
      ...line,
      run: shortText,
      smoothed: flag,
    }),
    maxLines,
  ),
  epochsOf: maybe(shortText),
});

const choices = fields<ChartChoices>({
  axis,
  logarithmic: flag,
  smoothing: oneOf("average", "mean"),
  weight: number,
  radius: number,
  smoothed: record(flag, maxLines),
  hidden: list(shortText, maxLines),
  folded: record(flag, maxLines),
});

export const chartParams: Params<ChartHostCalls> = {
  sample: fields({ requests: list(request, maxLines) }),
  rows: fields({ table, first: whole, length: inSight }),
  findRow: fields({ table, x: number }),
  copyTable: fields({ table, headers: list(shortText, maxLines), format: oneOf("csv", "markdown") }),
  savePng: picture,
  rememberChoices: fields({ choices }),
};
