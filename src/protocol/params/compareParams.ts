import { timelineMetrics } from "../../core/compare/timeline";
import type { ParamsOf } from "../channel";
import type { CompareHostCalls } from "../compareSurface";
import { picture } from "./chartParams";
import { copied } from "./copied";
import { fields, list, maybe, nothing, oneOf, type Params, path, shortText, whole } from "./shapes";

/** Columns, or checkpoints of a run. */
const maxPaths = 100_000;

const paths = list(path, maxPaths);
const ofPath = fields<{ readonly path: string }>({ path });
const onward = fields<{ readonly first: number }>({ first: whole });

export const compareParams: Params<CompareHostCalls> = {
  ready: nothing,
  rows: fields({ generation: whole, first: whole }),
  moduleDetail: fields({ module: shortText }),
  modulePair: fields({ module: shortText, a: whole, b: whole }),
  startPage: nothing,
  lineage: nothing,
  reveal: ofPath,
  compareApart: fields({ paths }),
  arrange: fields({ paths }),
  add: nothing,
  open: ofPath,
  setStage: ofPath,
  setStages: fields({ paths }),
  reload: nothing,
  copy: copied,
  timelinePaths: nothing,
  timeline: fields<ParamsOf<CompareHostCalls, "timeline">>({
    paths,
    metrics: maybe(list(oneOf(...timelineMetrics), timelineMetrics.length)),
  }),
  reduceRank: ofPath,
  baseModel: ofPath,
  chooseBaseModel: ofPath,
  compareWithBase: fields({ path, base: path }),
  intruders: fields({ path, base: path, module: shortText }),
  savePng: picture,
  cancel: nothing,
  alignedRows: onward,
  diffState: nothing,
  startDiff: nothing,
  stopDiff: nothing,
  diffEntries: fields({ id: whole, first: whole }),
  diffDetail: fields({ row: whole, pair: whole }),
};
