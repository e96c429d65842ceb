import { joinPath } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { pythonString } from "../../text/pythonString";
import { formatCount } from "../../text/quantities";
import type { CheckpointFile } from "../checkpointFile";
import type { FolderListing, ParsedFolder, RankStep } from "../folderFormat";
import type { FileContent } from "../format";
import { mergeImports } from "../importFinding";
import { byNameOf, type OpenedByName, openFolderFiles } from "../openFolderFiles";
import type { JoinedParameter } from "./joinedParameter";
import { mergeModelParts } from "./mergeModelParts";
import { type RankSet, rankSet } from "./rankSet";
import { shownTensors } from "./shownTensors";
import { trainingContent } from "./trainingContent";
import type { ZeroFiles } from "./zeroFiles";
import { zeroModel } from "./zeroModel";
import { beforeStage1And2 } from "./zeroRank";

/** Reads the files of all ranks of one save and puts together what they hold. */
export async function readZeroFolder(
  { files: system, path }: FolderListing,
  names: ZeroFiles,
  report: (problem: Problem) => void,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const listed = [
    ...names.model,
    ...names.layers,
    ...names.experts,
    ...names.optimizer,
    ...names.expertOptimizers,
  ];
  const opened = await openFolderFiles(
    { files: system, path },
    listed.map(({ name }) => name),
    rankLabel,
    report,
    signal,
  );
  const files: CheckpointFile[] = opened.map(({ file }) => file);
  const byName = byNameOf(opened);
  const add = (name: string): number => {
    files.push({
      name,
      path: joinPath(path, name),
      bytes: 0,
      status: "missing",
      rank: rankLabel(name) ?? "",
    });
    return files.length - 1;
  };
  const ranks = rankSet(names, byName, add);
  reportRanks(ranks, names, report);
  const parts = ranks.parts.map((part) => zeroModel(part, report));
  const merged = mergeModelParts(parts, ranks.parts, report);
  const { tensors, weights, aliases } = shownTensors(merged, names, byName, report);
  const imports = mergeImports(opened.flatMap(({ parsed }) => parsed?.imports ?? []));
  return {
    format: formatOf(ranks, names),
    files,
    tensors,
    aliases,
    metadata: new Map(),
    content: contentOf(names, ranks, weights, merged.parameters, byName),
    imports,
    problems: [],
    layout: layoutOf(ranks, names, path),
    rankSteps: rankStepsOf(ranks),
  };
}

/** Steps by the model's states and by the optimizer, which passes over steps that overflow. */
function rankStepsOf({ parts }: RankSet): readonly RankStep[] {
  return parts.flatMap(({ model, ranks }) => [
    ...model.flatMap(({ fileIndex, states }) =>
      states?.step === undefined ? [] : [{ fileIndex, counter: "global_steps", step: states.step }],
    ),
    ...ranks.flatMap(({ fileIndex, state }): RankStep[] => {
      const step = state?.groups.flatMap(({ scalars }) => scalars.get("step") ?? [])[0];
      const isOne = typeof step === "number" || (step !== undefined && elementCount(step.shape) === 1);
      const counter = "the optimizer's step";
      return isOne
        ? [{ fileIndex, counter, step: typeof step === "number" ? step : { ...step, fileIndex } }]
        : [];
    }),
  ]);
}

function contentOf(
  names: ZeroFiles,
  ranks: RankSet,
  weights: readonly Tensor[],
  parameters: readonly JoinedParameter[],
  opened: OpenedByName,
): FileContent {
  const first = names.model
    .map(({ name }) => opened.get(name))
    .find((each) => each?.file.parsed?.content !== undefined);
  return trainingContent(
    first?.file.parsed?.content,
    first?.index ?? 0,
    weights,
    parameters,
    ranks.parts[0]?.ranks ?? [],
  );
}

/** "rank 3", "rank 3, model part 1" */
function rankLabel(name: string): string | undefined {
  const dp = /zero_pp_rank_(\d+)_/.exec(name)?.[1];
  const mp = /(?:mp_rank_|-model_)(\d+)/.exec(name)?.[1];
  const told = [
    ...(dp === undefined ? [] : [`rank ${Number(dp)}`]),
    ...(mp === undefined || Number(mp) === 0 ? [] : [`model part ${Number(mp)}`]),
  ];
  return told.length === 0 ? undefined : told.join(", ");
}

/** Undefined where ZeRO is off; BF16_Optimizer names no stage and partitions as the first does. */
function zeroStage({ stage }: RankSet, { optimizer, partitioned }: ZeroFiles): number | undefined {
  if (optimizer.length === 0) return partitioned ? 3 : undefined;
  return stage ?? 1;
}

const zeroFormats: ReadonlyMap<number | undefined, ParsedFolder["format"]> = new Map([
  [1, "deepspeed-zero1"],
  [2, "deepspeed-zero2"],
  [3, "deepspeed-zero3"],
]);

function formatOf(ranks: RankSet, names: ZeroFiles): ParsedFolder["format"] {
  if (names.layers.length > 0) return "deepspeed-pipeline";
  return zeroFormats.get(zeroStage(ranks, names)) ?? "deepspeed";
}

function layoutOf(ranks: RankSet, names: ZeroFiles, path: string): ParsedFolder["layout"] {
  const { worldSize, parts, version } = ranks;
  const stage = zeroStage(ranks, names);
  const zero = stage === undefined ? "" : ` ZeRO-${stage}`;
  const by = version === undefined ? "" : ` ${version}`;
  const modelRanks = Math.max(1, parts.length);
  return {
    label: `DeepSpeed${by}${zero}`,
    ...(worldSize > 0 ? { worldSize: worldSize * modelRanks } : {}),
    parallel: { ...(worldSize > 0 ? { dp: worldSize } : {}), ...(modelRanks > 1 ? { mp: modelRanks } : {}) },
    ...withoutZeroToFp32(ranks, names, path),
  };
}

/** How it is loaded where zero_to_fp32.py, which is what people know, refuses it; nothing where it does not. */
function withoutZeroToFp32(
  ranks: RankSet,
  names: ZeroFiles,
  path: string,
): Pick<ParsedFolder["layout"], "load"> {
  const stage = zeroStage(ranks, names);
  const [weights] = names.model;
  if (stage === undefined && names.layers.length + names.experts.length === 0 && weights !== undefined) {
    const file = pythonString(joinPath(path, weights.name));
    return {
      load: {
        sentence:
          names.model.length > 1
            ? "ZeRO is off: each file of model states holds one part of the model, the first by this."
            : "ZeRO is off: the file of model states holds the whole model.",
        snippet: `import torch\n\nstate_dict = torch.load(${file}, map_location="cpu", weights_only=False)["module"]`,
      },
    };
  }
  const isGone = (each: { readonly absent?: string }) => each.absent !== undefined;
  const reason =
    ranks.isTooFew || ranks.parts.some(({ ranks: own, model }) => own.some(isGone) || model.some(isGone))
      ? "files of ranks are missing or cannot be read"
      : names.layers.length > 0
        ? "it is of a pipeline"
        : names.experts.length > 0
          ? "it has experts (MoE)"
          : ranks.parts.length > 1
            ? "the model is cut over several ranks"
            : ranks.stage === undefined
              ? "BF16_Optimizer names no ZeRO stage"
              : ranks.version === beforeStage1And2
                ? "its partitions are cut into intervals, as stage 1 did before DeepSpeed 0.3.16"
                : undefined;
  if (reason === undefined) return {};
  const sentence = `zero_to_fp32.py refuses it: ${reason}. What can be read here can be exported tensor by tensor.`;
  return { load: { sentence } };
}

function reportRanks(
  { parts, beyond, worldSize, stage, isTooFew }: RankSet,
  names: ZeroFiles,
  report: (problem: Problem) => void,
): void {
  if (isTooFew) {
    const message = `The optimizer's state is said to be partitioned over ${formatCount(worldSize)} ranks, of which ${formatCount(names.optimizer.length)} are here: nothing of it is joined.`;
    report({ severity: "error", code: "MissingRank", message });
  }
  if (beyond.length > 0) {
    const isReplica = stage === 3 && beyond.length % worldSize === 0;
    const message = isReplica
      ? `${formatCount(beyond.length)} of the ranks' files repeat the partitions of the first ${formatCount(worldSize)} ranks (MiCS).`
      : `Files of ${formatCount(beyond.length)} ranks beyond the ${formatCount(worldSize)} that the optimizer is partitioned over, such as ${beyond[0]?.name}: they may be left from an earlier save.`;
    report({ severity: isReplica ? "info" : "warning", code: "ExtraRanks", message });
  }
  for (const { model, modelRank } of parts) {
    const absent = model.filter(({ absent: reason }) => reason !== undefined);
    if (absent.length > 0) {
      const list = absent
        .slice(0, 8)
        .map(({ rank }) => rank)
        .join(", ");
      const message = `Model states of rank ${list}${absent.length > 8 ? ` and ${absent.length - 8} more` : ""} are missing or cannot be read. DeepSpeed cannot resume from it.`;
      report({ severity: "error", code: "MissingModelStates", message });
    } else if (model.length === 0 && names.layers.length === 0) {
      const message = `The model's states (mp_rank_${String(modelRank).padStart(2, "0")}_model_states.pt) are missing: the shapes of the parameters are in them.`;
      report({ severity: "error", code: "MissingModelStates", message });
    }
  }
  if (
    stage === undefined &&
    names.optimizer.length > 0 &&
    parts.some(({ ranks }) => ranks.some(({ state }) => state !== undefined))
  ) {
    const message =
      "The optimizer names no ZeRO stage: it is BF16_Optimizer, which DeepSpeed's own zero_to_fp32.py refuses. Its partitions are joined as those of stage 1.";
    report({ severity: "info", code: "Bf16Optimizer", message });
  }
}
