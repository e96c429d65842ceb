import type { ReductionOptions, ReductionRule } from "../../core/transform/reductionPlan";
import type { SliceBlock, TensorSlice } from "../../core/values/tensorSlice";
import type { ParamsOf } from "../channel";
import type { EditorHostCalls } from "../editorSurface";
import type { TensorPlace } from "../numbersCalls";
import { chartParams } from "./chartParams";
import { copied } from "./copied";
import {
  fields,
  flag,
  kinds,
  list,
  maybe,
  nothing,
  number,
  oneOf,
  type Params,
  path,
  shortText,
  whole,
} from "./shapes";

/** Values in values; no file is read deeper. */
const maxLevels = 10_000;
/** Of a tensor; what is beyond was refused when the file was opened. */
const maxAxes = 256;

const onward = fields<{ readonly first: number }>({ first: whole });
const ofPath = fields<{ readonly path: string }>({ path });

const tensor = fields<TensorPlace>({ row: whole, name: shortText, unpacked: maybe(oneOf(true)) });
const slice = fields<TensorSlice>({
  rowAxis: maybe(whole),
  columnAxis: maybe(whole),
  indexes: list(whole, maxAxes),
});
const block = fields<SliceBlock>({ row: whole, column: whole, rows: whole, columns: whole });

type RuleOf<K> = Extract<ReductionRule, { readonly kind: K }>;
const rule = kinds<ReductionRule>({
  rank: fields<RuleOf<"rank">>({ kind: oneOf("rank"), rank: number }),
  energy: fields<RuleOf<"energy">>({ kind: oneOf("energy"), share: number }),
  svFro: fields<RuleOf<"svFro">>({ kind: oneOf("svFro"), share: number }),
  svCumulative: fields<RuleOf<"svCumulative">>({ kind: oneOf("svCumulative"), share: number }),
  svRatio: fields<RuleOf<"svRatio">>({ kind: oneOf("svRatio"), ratio: number }),
});
const options = fields<ReductionOptions>({
  rule,
  scope: oneOf("module", "uniform"),
  maxRank: maybe(number),
  kohyaPlusOne: maybe(flag),
});

export const editorParams: Params<EditorHostCalls> = {
  ...chartParams,
  ready: nothing,
  training: nothing,
  reload: nothing,
  open: ofPath,
  openAsText: ofPath,
  copy: copied,
  setStage: nothing,
  compare: nothing,
  tensorChunk: onward,
  contentPage: fields({ file: maybe(shortText), path: list(whole, maxLevels), from: whole }),
  partSettings: nothing,
  optimizers: nothing,
  optimizerPage: fields({ optimizer: whole, first: whole }),
  quantisedState: fields({ optimizer: whole, parameter: whole, key: shortText }),
  resume: nothing,
  health: nothing,
  lora: nothing,
  compareWithBase: fields({ base: path }),
  intruders: fields({ base: path, module: shortText }),
  reductionStart: nothing,
  baseModel: nothing,
  chooseBaseModel: nothing,
  chooseFolder: fields({ folder: path }),
  isTaken: ofPath,
  reduce: fields<ParamsOf<EditorHostCalls, "reduce">>({
    options,
    out: path,
    dtype: maybe(oneOf("F64", "F32", "F16", "BF16")),
  }),
  compareMade: ofPath,
  packedWeight: fields({ tensor }),
  packedRows: nothing,
  pieces: fields({ tensor, from: whole }),
  values: fields({ tensor, slice, block }),
  findNotFinite: fields({ tensor, from: whole }),
  heatMap: fields({ tensor, slice, part: block }),
  tensorNumbers: fields({ tensor }),
  moments: fields({ optimizer: whole, parameter: whole }),
  scanState: nothing,
  scanChunk: fields({ id: whole, chunk: whole }),
  startScan: fields({ ofCodes: flag, anew: flag }),
  readScan: nothing,
  cancelScan: nothing,
  exportTensor: fields({ tensor, dtype: shortText }),
  exportSlice: fields({ tensor, slice }),
  exportScan: nothing,
};
