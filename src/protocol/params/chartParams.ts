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
  type Params,
  record,
  type Shape,
  text,
  whole,
} from "./shapes";

/** Lines of all charts of a page, and columns of its table. */
export const maxLines = 100_000;
/** Pixels of a chart, or rows of a table in sight. */
const maxInSight = 100_000;
/** A picture crosses as one message; more is no picture of a chart. */
const maxPictureBytes = 64_000_000;

export const picture: Shape<Picture> = fields<Picture>({ bytes: bytesUpTo(maxPictureBytes), name: text });

const axis: Shape<AxisKind> = oneOf("step", "epoch", "wallTime", "relativeTime", "tokens");

const inSight: Shape<number> = (value, at) => Math.min(whole(value, at), maxInSight);

const smoothing = kinds<Smoothing>({
  average: fields<Extract<Smoothing, { kind: "average" }>>({ kind: oneOf("average"), weight: number }),
  mean: fields<Extract<Smoothing, { kind: "mean" }>>({ kind: oneOf("mean"), radius: whole }),
});

const line = { key: text, axis, smoothing: maybe(smoothing), positiveOnly: maybe(flag) };

const request = fields<ChartRequest>({ ...line, run: text, from: number, to: number, slices: inSight });

const table = fields<LineTable<string>>({
  columns: list(
    fields<LineRequest & { readonly run: string; readonly smoothed: boolean }>({
      ...line,
      run: text,
      smoothed: flag,
    }),
    maxLines,
  ),
  epochsOf: maybe(text),
});

const choices = fields<ChartChoices>({
  axis,
  logarithmic: flag,
  smoothing: oneOf("average", "mean"),
  weight: number,
  radius: number,
  smoothed: record(flag, maxLines),
  hidden: list(text, maxLines),
  folded: record(flag, maxLines),
});

export const chartParams: Params<ChartHostCalls> = {
  sample: fields({ requests: list(request, maxLines) }),
  rows: fields({ table, first: whole, length: inSight }),
  findRow: fields({ table, x: number }),
  copyTable: fields({ table, headers: list(text, maxLines), format: oneOf("csv", "markdown") }),
  savePng: picture,
  rememberChoices: fields({ choices }),
};
