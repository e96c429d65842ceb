import { FileRegion } from "../../../../src/core/bytes/byteRegion";
import { distributedSummary } from "../../../../src/core/session/distributedSummary";
import { assemble } from "../../../../src/core/tensors/assembly";
import { elementCount, type Tensor } from "../../../../src/core/tensors/tensor";
import { type EditorSample, layOut, summaryOf } from "./editorSample";

const ranks = 64;
const path = "/runs/qwen/checkpoint-300";

/** A folder of ZeRO-3 with 64 ranks, without the optimizer states of rank 5, and with a file of rank 9 that is cut. */
export function distributedSample(): EditorSample {
  const files = (["model", "optim"] as const).flatMap((kind) =>
    Array.from({ length: ranks }, (_, rank) => {
      const name = `${kind === "optim" ? "bf16_" : ""}zero_pp_rank_${rank}_mp_rank_00_${kind}_states.pt`;
      const isMissing = kind === "optim" && rank === 5;
      const isCut = kind === "model" && rank === 9;
      return {
        name,
        path: `${path}/${name}`,
        bytes: isMissing ? 0 : kind === "model" ? 190_000 : 1_510_000_000 - (rank === 63 ? 700_000_000 : 0),
        status: isMissing ? ("missing" as const) : isCut ? ("broken" as const) : ("ok" as const),
        rank: `rank ${rank}`,
      };
    }),
  );
  const names = [
    "model.embed_tokens.weight",
    ...[0, 1, 2].map((layer) => `model.layers.${layer}.mlp.down_proj.weight`),
  ];
  const specs = names.flatMap((name) =>
    [name, `optimizer.state.${name}.exp_avg`, `optimizer.state.${name}.exp_avg_sq`].map((each) => ({
      name: each,
      dtype: "F32",
      shape: [1024, 448],
    })),
  );
  const tensors = layOut([...specs, { name: "model.rotary.inv_freq", dtype: "F32", shape: [64] }]).map(
    (tensor) => (tensor.shape.length === 1 ? tensor : inPieces(tensor)),
  );
  const summary = summaryOf(tensors, (name) => name.split(".").slice(0, 2).join("."), {
    name: "checkpoint-300",
    path,
    headline: ["Training checkpoint", "13 tensors", "DeepSpeed 0.17.2 ZeRO-3", "64 ranks", "128 files"],
    format: "deepspeed-zero3",
    formatLabel: "DeepSpeed ZeRO-3",
    kind: "training-checkpoint",
    files,
    fileBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    problems: [
      { severity: "error", code: "MissingRank", message: "Optimizer states of rank 5 of 64 are missing." },
    ],
  });
  const distributed = distributedSummary(
    {
      path,
      name: "checkpoint-300",
      folder: path,
      format: "deepspeed-zero3",
      files,
      tensors,
      metadata: new Map(),
      aliases: new Map(),
      wholeModelPath: undefined,
      problems: [],
      layout: {
        label: "DeepSpeed 0.17.2 ZeRO-3",
        worldSize: ranks,
        parallel: { dp: ranks },
        load: {
          sentence: "DeepSpeed resumes from it on as many ranks.",
          snippet: "from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint",
        },
      },
    },
    undefined,
    300,
  );
  return {
    tensors,
    state: { status: "ready", summary: distributed === undefined ? summary : { ...summary, distributed } },
  };
}

/** An equal share of the elements for each rank. */
function inPieces(tensor: Tensor): Tensor {
  const share = elementCount(tensor.shape) / ranks;
  const pieces = Array.from({ length: ranks }, (_, rank) => ({
    place: { kind: "flat" as const, first: rank * share, count: share },
    fileIndex: ranks + rank,
    region: new FileRegion(4096, 4 * share),
    start: 0,
    ...(rank === 5 ? { absent: "the file of rank 5 is missing" } : {}),
  }));
  return { ...tensor, assembly: assemble(tensor.shape, pieces) };
}
