import type { ModelJob, WeightedPath } from "../../core/report/jobs/modelJob";
import type { MakeHostCalls } from "../makeSurface";
import { longText } from "./copied";
import { fields, kinds, list, maybe, nothing, number, oneOf, type Params, path, shortText } from "./shapes";

/** Adapters or snapshots that go into one model, or are compared. */
const maxSources = 10_000;

const weighted = list(fields<WeightedPath>({ path, weight: number }), maxSources);
const dtype = maybe(oneOf("F64", "F32", "F16", "BF16"));

type JobOf<K> = Extract<ModelJob, { readonly kind: K }>;
const job = kinds<ModelJob>({
  merge: fields<JobOf<"merge">>({ kind: oneOf("merge"), base: path, adapters: weighted, dtype }),
  convert: fields<JobOf<"convert">>({
    kind: oneOf("convert"),
    source: path,
    only: oneOf("model", "optimizer", "all"),
    dtype,
    names: maybe(oneOf("transformers")),
    experts: maybe(oneOf("fused", "single")),
  }),
  combine: fields<JobOf<"combine">>({ kind: oneOf("combine"), adapters: weighted, rank: maybe(number) }),
  dialect: fields<JobOf<"dialect">>({
    kind: oneOf("dialect"),
    source: path,
    to: oneOf("peft", "kohya", "diffusers", "mlx"),
  }),
  intruders: fields<JobOf<"intruders">>({
    kind: oneOf("intruders"),
    adapter: path,
    base: path,
    scale: number,
  }),
  average: fields<JobOf<"average">>({ kind: oneOf("average"), snapshots: weighted }),
});

const ofPath = fields<{ readonly path: string }>({ path });

export const makeParams: Params<MakeHostCalls> = {
  ready: nothing,
  plan: fields({ job }),
  place: ofPath,
  chooseFolder: fields({ folder: path }),
  chooseSource: fields({ role: oneOf("base", "adapter", "snapshot"), job }),
  make: fields({ job, out: path, maxShardBytes: number }),
  cancel: nothing,
  again: nothing,
  open: ofPath,
  compare: fields({ paths: list(path, maxSources) }),
  showReport: fields({ name: shortText, text: longText }),
  reveal: ofPath,
};
