import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import { rangeText } from "../adapter/adapterText";
import { isMeasuredOverBase, methodName, modulesBelow } from "../adapter/methods/methodTable";
import { isDora } from "../adapter/methods/variants";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { dtypeShares, moduleShares } from "../checkpoint/composition";
import { otherLibrary } from "../checkpoint/contentKind";
import type { FolderContext } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { insideSummary } from "../checkpoint/inside/insideSummary";
import { seriesInside } from "../checkpoint/inside/seriesInside";
import type {
  AdapterSummary,
  CheckpointKind,
  CheckpointSummary,
  ConfigSummary,
  Resumable,
} from "../checkpoint/summary";
import type { SettingsGroup } from "../content/settingsSections";
import type { DistributedLayout } from "../formats/folderFormat";
import { formatLabel } from "../formats/formatLabel";
import { architectureOf } from "../health/config/modelConfig";
import { ownFindings } from "../health/weightFindings";
import { flattenJson } from "../json/flattenJson";
import { jsonString } from "../json/parseJson";
import type { OptimizerState } from "../optimizer/optimizerState";
import { compareProblems, type Problem } from "../problem/problem";
import { finishedAt } from "../progress/finished";
import { schedulersInside } from "../resume/stateInside";
import type { StageLabel } from "../stage/stage";
import { separatorOf } from "../tensors/nameOrder";
import { capitalised } from "../text/capitalised";
import { formatBytes, formatShortCount, plural } from "../text/quantities";
import { distributedSummary } from "./distributedSummary";
import { insideParts, partText } from "./insideParts";
import { modelCounts } from "./modelCounts";
import { ownParts, partSummaries } from "./ownParts";
import { faultsLogged, latestProgress, namedProgress, noProgress } from "./progressSummary";
import { textualInversion } from "./textualInversion";

/** What was found out about a checkpoint, from which its summary is made. */
export interface SummaryFacts {
  readonly checkpoint: Checkpoint;
  readonly folder: FolderContext;
  readonly adapter: Adapter | undefined;
  readonly adapterConfig: AdapterConfig | undefined;
  readonly stage: StageLabel | undefined;
  readonly inside: InsideFile | undefined;
  /** Of each tensor, the parameters that it stands for. */
  readonly counts: Float64Array;
}

export function summariseCheckpoint(facts: SummaryFacts): CheckpointSummary {
  const { checkpoint, folder, adapter, adapterConfig, stage } = facts;
  const { tensors } = checkpoint;
  const own = ownParts(facts);
  const sum = (column: (tensor: (typeof tensors)[number]) => number) =>
    tensors.reduce((total, tensor) => total + column(tensor), 0);
  const counts = modelCounts(checkpoint, facts.counts, facts.inside);
  const parameterCount = counts.reduce((total, count) => total + count, 0);
  const fileBytes = checkpoint.files.reduce((total, file) => total + file.bytes, 0);
  const dtypes = dtypeShares(tensors, counts);
  const kind = kindOf(facts);
  const told = progress(facts);
  const distributed = distributedSummary(checkpoint, facts.inside, told.progress?.step);
  return {
    path: checkpoint.path,
    name: checkpoint.name,
    format: checkpoint.format,
    formatLabel: formatLabel(checkpoint.format),
    kind,
    headline: headline(
      facts,
      kind,
      parameterCount,
      fileBytes,
      dtypes.map((share) => share.dtype),
    ),
    fileBytes,
    tensorCount: tensors.length,
    tensorBytes: sum((tensor) => tensor.byteSize),
    parameterCount,
    dtypes,
    composition: moduleShares(
      tensors,
      counts,
      separatorOf(tensors.slice(0, 1000).map((tensor) => tensor.name)),
    ),
    files: checkpoint.files,
    ...wholeModel(checkpoint),
    parts: partSummaries(own.files, checkpoint),
    missingParts: own.missing,
    resumable: resumable(facts, own.resumable),
    metadata: [...checkpoint.metadata],
    configs: configSummaries(folder),
    ...(adapter === undefined ? {} : { adapter: adapterSummary(adapter, adapterConfig) }),
    ...told,
    ...(distributed === undefined ? {} : { distributed }),
    ...(stage === undefined ? {} : { stage }),
    aliases: [...checkpoint.aliases],
    hasTraining: folder.trainerStatePath !== undefined || hasHistory(facts),
    ...insideSummary(facts, kind, partsSection(facts)),
    problems: knownProblems(facts),
  };
}

function kindOf({ checkpoint, folder, adapter, inside }: SummaryFacts): CheckpointKind {
  if (checkpoint.isPiece === true) return "piece";
  if (adapter !== undefined) return adapter.carriesModel ? "model-with-adapter" : "adapter";
  if (inside?.kind !== undefined) return inside.kind;
  if (checkpoint.tensors.length > 0) return "model";
  return folder.trainerStatePath === undefined ? "unknown" : "training-checkpoint";
}

function headline(
  facts: SummaryFacts,
  kind: CheckpointKind,
  parameterCount: number,
  fileBytes: number,
  dtypes: readonly string[],
): string[] {
  const { checkpoint, adapter, adapterConfig } = facts;
  const isOfParameters =
    kind === "model" || kind === "adapter" || kind === "model-with-adapter" || kind === "training-checkpoint";
  const shards = checkpoint.files.filter((file) => file.status !== "extra").length;
  return [
    ...(adapter === undefined || adapter.carriesModel ? [whatItIs(kind, facts)] : []),
    ...(adapter === undefined ? [] : adapterFacts(adapter, adapterConfig)),
    plural(checkpoint.tensors.length, "tensor"),
    ...(parameterCount > 0 && isOfParameters
      ? [`${formatShortCount(parameterCount)} ${parameterCount === 1 ? "parameter" : "parameters"}`]
      : []),
    ...(dtypes.length > 0 ? [dtypes.slice(0, 3).join(" + ") + (dtypes.length > 3 ? " + …" : "")] : []),
    formatBytes(fileBytes),
    ...(checkpoint.layout === undefined ? [] : layoutFacts(checkpoint.layout)),
    ...(shards > 1 ? [plural(shards, checkpoint.layout === undefined ? "shard" : "file")] : []),
  ];
}

/** e.g. "DeepSpeed ZeRO-3", "8 ranks" */
function layoutFacts({ label, worldSize }: DistributedLayout): readonly string[] {
  return [label, ...(worldSize === undefined ? [] : [plural(worldSize, "rank")])];
}

function whatItIs(kind: CheckpointKind, facts: SummaryFacts): string {
  const { checkpoint, folder, inside } = facts;
  switch (kind) {
    case "model":
    case "model-with-adapter":
      return textualInversion(checkpoint.tensors) ?? modelName(folder, checkpoint.format);
    case "training-checkpoint":
      return hasWeights(facts) ? "Training checkpoint" : "Training state without weights";
    case "optimizer":
      return optimizerText(inside?.optimizers ?? []);
    case "history":
      return "Logged values, no model";
    case "data":
      return (
        libraryText(checkpoint) ??
        (checkpoint.tensors.length > 0
          ? "Tensors that are no model known here"
          : "Data without tensors, no model")
      );
    case "scheduler":
      return "Scheduler state";
    case "scaler":
      return "Gradient scaler state";
    case "rng-state":
      return checkpoint.content !== undefined && schedulersInside(checkpoint.content).length > 0
        ? "Random state and schedule"
        : "Random state";
    case "training-args":
      return "Training arguments";
    case "piece":
      return "One rank's part of a checkpoint";
    default:
  }
  if (checkpoint.layout !== undefined) {
    return checkpoint.problems.some(({ code }) => code === "MissingMetadata")
      ? "Unfinished save"
      : "Distributed checkpoint";
  }
  return checkpoint.format === "unknown"
    ? "Folder without weights"
    : `${formatLabel(checkpoint.format)} file`;
}

/** The parts of a file that holds several, as the first table of what is in it. */
function partsSection({ checkpoint: { content }, inside }: SummaryFacts): SettingsGroup | undefined {
  const parts = content === undefined || inside === undefined ? [] : insideParts(content, inside);
  const isWhole = parts.length === 1 && parts[0]?.path === "";
  if (parts.length === 0 || isWhole) return undefined;
  return {
    title: "In the file",
    rows: parts.map((part) => [part.path === "" ? "(the file)" : part.path, partText(part)]),
  };
}

/** More than the value at the moment of the save. */
export function hasHistory({ checkpoint: { content } }: Pick<SummaryFacts, "checkpoint">): boolean {
  if (content === undefined) return false;
  return seriesInside(content).some(({ length }) => length > 1);
}

/** Moments of an optimizer are tensors as well. */
function hasWeights({ checkpoint, inside }: SummaryFacts): boolean {
  const { layout, tensors, content } = checkpoint;
  if (inside === undefined || inside.optimizers.length === 0) return tensors.length > 0;
  if (content?.parameters !== undefined) return content.parameters.size > 0;
  // Joined from several processes, the paths of a model's modules are not those of one state dict.
  if (layout !== undefined) return tensors.some(({ name }) => !/^optim/.test(name));
  return inside.models.length > 0;
}

/** E.g. "scikit-learn LogisticRegression". */
function libraryText({ content }: Pick<Checkpoint, "content">): string | undefined {
  const found = content === undefined ? undefined : otherLibrary(content.root);
  return found && `${found.library} ${found.className}`;
}

function optimizerText(optimizers: readonly OptimizerState[]): string {
  const names = [...new Set(optimizers.map(({ name }) => name))];
  const isEmpty = optimizers.length > 0 && optimizers.every(({ emptyState }) => emptyState);
  const count = optimizers.length > 1 ? ` of ${plural(optimizers.length, "optimizer")}` : "";
  return `${names.length === 0 ? "Optimizer" : names.slice(0, 3).join(" and ")} state${count}${isEmpty ? ", empty" : ""}`;
}

/** The architecture that config.json names, e.g. "LlamaForCausalLM model". */
function modelName(folder: FolderContext, format: Checkpoint["format"]): string {
  const config = folder.config?.value;
  const name = config && (architectureOf(config) ?? jsonString(config.get("model_type")));
  if (name !== undefined) return `${name} model`;
  return format === "onnx" ? `${formatLabel(format)} model` : "Model weights";
}

function adapterFacts(adapter: Adapter, config: AdapterConfig | undefined): string[] {
  const ranks = adapter.modules.map((module) => module.rank);
  return [
    isDora(config, adapter.modules) ? "DoRA adapter" : `${methodName(adapter.method)} adapter`,
    ...(ranks.length > 0 ? [`rank ${rangeText(ranks)}`, plural(ranks.length, "module")] : []),
  ];
}

function wholeModel({
  wholeModelPath,
  name,
  isPiece,
}: Checkpoint): Pick<CheckpointSummary, "wholeModel"> | object {
  if (wholeModelPath === undefined) return {};
  if (isPiece === true) {
    const message = "This is one rank's part of a distributed checkpoint. The folder is the whole.";
    return { wholeModel: { path: wholeModelPath, message } };
  }
  const [, part, of] = /-0*(\d+)-of-0*(\d+)\./.exec(name) ?? [];
  const message =
    part === undefined
      ? "This is one of several files of a model."
      : `This is shard ${part} of ${of} of a model.`;
  return { wholeModel: { path: wholeModelPath, message } };
}

function configSummaries(folder: FolderContext): ConfigSummary[] {
  return [folder.adapterConfig, folder.config, folder.stageFile].flatMap((file) =>
    file === undefined ? [] : [{ fileName: file.name, path: file.path, rows: flattenJson(file.value) }],
  );
}

function adapterSummary(adapter: Adapter, config: AdapterConfig | undefined): AdapterSummary {
  const { method, modules, otherTensors } = adapter;
  const others = modulesBelow(
    method,
    otherTensors.map(({ name }) => name),
  );
  return {
    method: methodName(method),
    baseModel: config?.baseModel,
    moduleCount: modules.length || others.length,
    comparable: modules.length > 0 || isMeasuredOverBase(method),
  };
}

/** Weights that cannot be used are no start for anything, whatever lies beside them. */
function resumable(facts: SummaryFacts, byParts: Resumable): Resumable {
  const fault = ownFindings(facts).find(({ severity }) => severity === "error");
  if (fault !== undefined) return { answer: "no", reason: fault.message };
  if (facts.checkpoint.isPiece === true)
    return { answer: "unknown", reason: "This is one rank's part: it is told of the folder." };
  const { trainerState } = facts.folder;
  const planned = trainerState?.maxSteps ?? facts.inside?.progress?.maxSteps;
  const finished = finishedAt({ step: trainerState?.globalStep ?? facts.inside?.progress?.step, planned });
  if (byParts.answer === "no") return byParts;
  const { stoppedEarly, stoppedBy } = trainerState === undefined ? (facts.inside?.progress ?? {}) : {};
  if (trainerState?.isStoppedEarly === true || stoppedEarly === true)
    return {
      ...byParts,
      reason: `${stoppedBy?.callback ?? "A callback, such as early stopping,"} ended the training here. ${byParts.reason}`,
      finished: true,
    };
  if (finished === undefined) return byParts;
  const reason = `${capitalised(finished)}: no planned step is left. Going on takes a longer plan. ${byParts.reason}`;
  return { ...byParts, reason, finished: true };
}

/** The log beside the checkpoint knows more than the file itself, and the file more than names. */
function progress({ checkpoint, folder, inside }: SummaryFacts): Pick<CheckpointSummary, "progress"> {
  const { trainerState } = folder;
  if (trainerState !== undefined) return { progress: latestProgress(trainerState) };
  const known = inside?.progress;
  const isKnown = (known?.step ?? known?.epoch ?? known?.episode) !== undefined;
  const written = isKnown ? undefined : namedProgress(checkpoint);
  if (written !== undefined) return { progress: { ...(known ?? noProgress), ...written } };
  return known === undefined ? {} : { progress: known };
}

/** All that is known to be wrong without opening another file, worst first. */
export function knownProblems(facts: SummaryFacts): Problem[] {
  const { folder } = facts;
  const own = ownFindings(facts);
  // The reader of the folder says it with more of its reasons.
  const told = new Set(own.map(({ code }) => code));
  const ofFolder = folder.problems.filter(({ code }) => code !== "MissingMetadata" || !told.has(code));
  const all = [...own, ...ofFolder, ...(folder.trainerState?.problems ?? []), ...faultsLogged(folder)];
  return all.sort(compareProblems);
}
