import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { joinModelRanks, type LoadedPlace } from "../megatron/joinModelRanks";
import { reportApart } from "../megatron/reportApart";

/** A rank's file in the archive. */
interface ArchivedRank {
  readonly name: string;
  readonly tensors: readonly Tensor[];
}

/** `mp_rank_01/model_weights.ckpt`, and `tp_rank_01_pp_rank_000/…` where there is a pipeline. */
const rankPath = /(?:^|\/)(?:mp_rank_(\d{1,4})|tp_rank_(\d{1,4})_pp_rank_(\d{1,4}))\/[^/]+$/;

/** More ranks than these are no model that NeMo packed: a number is damage. */
const maxRanks = 4096;

/**
 * Joins the ranks of a NeMo archive as Megatron-LM cuts its parameters; each rank's own are shown where their folders
 * do not tell the ranks.
 * @param names of all files of weights, with those that cannot be read
 */
export function joinArchivedRanks(
  names: readonly string[],
  ranks: readonly ArchivedRank[],
  config: ReadonlyMap<string, string>,
  problems: Problem[],
): readonly Tensor[] {
  const tensorsOf = new Map(ranks.map(({ name, tensors }) => [name, tensors]));
  const found = names.map((name) => ({ name, match: rankPath.exec(name) }));
  const size = (key: string, most: number) => Math.max(most + 1, Number(config.get(key) ?? 1) || 1);
  const numbers = found.map(({ match }) => ({
    tensor: Number(match?.[1] ?? match?.[2] ?? 0),
    pipeline: Number(match?.[3] ?? 0),
  }));
  const tensorSize = size("tensor_model_parallel_size", Math.max(...numbers.map(({ tensor }) => tensor)));
  const pipelineSize = size(
    "pipeline_model_parallel_size",
    Math.max(...numbers.map(({ pipeline }) => pipeline)),
  );
  if (found.some(({ match }) => match === null) || !(tensorSize * pipelineSize <= maxRanks)) {
    const message = `The weights are in ${formatCount(names.length)} files whose folders do not tell the ranks: each file's own are shown, not joined.`;
    problems.push({ severity: "warning", code: "RanksApart", message });
    return ranks.flatMap(({ name, tensors }) => {
      const prefix = `${name.slice(0, Math.max(0, name.lastIndexOf("/"))).replaceAll("/", ".")}.`;
      return tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
    });
  }
  const places: LoadedPlace[] = [];
  for (let pipeline = 0; pipeline < pipelineSize; pipeline++) {
    for (let tensor = 0; tensor < tensorSize; tensor++) {
      const at = numbers.findIndex((rank) => rank.tensor === tensor && rank.pipeline === pipeline);
      const name = names[at];
      const own = name === undefined ? undefined : tensorsOf.get(name);
      const folder = name ?? `tp_rank_${tensor}_pp_rank_${pipeline}`;
      const place = { folder, tensor, pipeline, expert: 0, fileIndex: 0 };
      if (own === undefined) {
        const absent = `the file of tensor-parallel rank ${tensor}, stage ${pipeline} ${name === undefined ? "is missing" : "cannot be read"}`;
        places.push({ ...place, chunks: [], absent });
        problems.push({
          severity: "error",
          code: "MissingRank",
          message: `Of the model ${absent}: its slices cannot be read.`,
        });
        continue;
      }
      places.push({
        ...place,
        chunks: [{ turn: 0, tensors: new Map(own.map((each) => [each.name, each])) }],
      });
    }
  }
  const activation = config.get("activation");
  const joined = joinModelRanks(places, {
    tensorSize,
    pipelineSize,
    expertSize: 1,
    layers: Number(config.get("num_layers")) || undefined,
    gated: activation === undefined ? undefined : /glu$/i.test(activation),
    version: 3,
    iteration: undefined,
  });
  reportApart(joined.apart, (problem) => problems.push(problem));
  return joined.tensors;
}
