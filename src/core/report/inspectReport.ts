import { GgufNames, type GgufTwin } from "../names/ggufNames";
import type { OptimizerState } from "../optimizer/optimizerState";
import { isReadingError, mergeProblems, type Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LoraView } from "../session/loraView";
import type { LoraOptions } from "../session/viewAdapter";
import { unreadablePart } from "../tensors/assembly";
import type { PackedWeight } from "../tensors/packed/packedWeight";
import type { PackedCodes } from "../tensors/packed/packedWeights";
import { elementCount, packedBytes } from "../tensors/tensor";
import { maskSecretsOf } from "../text/secretKeys";
import { metricValues } from "../update/moduleMetrics";
import { baseReport, type OverBase } from "./baseReport";
import { distributedReport } from "./distributedReport";
import { toPlain } from "./reportJson";
import type { ValueFindings } from "./valueFindings";

export interface InspectOptions {
  readonly showSecrets: boolean;
  /** What is wrong between an adapter and its base model, where that was looked at. */
  readonly besides?: readonly Problem[];
  readonly measure?: LoraOptions;
  /** An adapter held against a base that was named. */
  readonly overBase?: OverBase | undefined;
}

/**
 * What `inspect --json` prints: a contract that scripts depend on (README, "Command line"). Settings that look like
 * credentials are masked unless `showSecrets` is set.
 */
export async function inspectReport(
  path: string,
  session: CheckpointSession,
  values: ValueFindings,
  { showSecrets, besides = [], measure, overBase }: InspectOptions,
) {
  const shown = (settings: unknown) => (showSecrets ? settings : maskSecretsOf(settings));
  // Whose shapes the summary's count goes by.
  const packed = await session.packedCodes();
  const summary = session.summary();
  const lora = await session.lora(undefined, measure);
  const { adapterConfig, folder } = session;
  const rawConfig = session.adapter === undefined ? folder.config : folder.adapterConfig;
  return {
    path,
    format: summary.format,
    kind: summary.kind,
    parameterCount: summary.parameterCount,
    tensors: tensorRows(session, values, packed),
    metadata: shown(Object.fromEntries(summary.metadata)),
    ...(rawConfig === undefined ? {} : { config: shown(toPlain(rawConfig.value)) }),
    ...(lora === undefined || session.adapter === undefined
      ? {}
      : {
          adapter: {
            type: session.adapter.method,
            rank: common(lora.modules.map(({ rank }) => rank)) ?? adapterConfig?.r,
            alpha: common(lora.modules.map(({ alpha }) => alpha)) ?? adapterConfig?.loraAlpha,
            scale: common(lora.modules.map(({ scale }) => scale)),
            baseModel: adapterConfig?.baseModel,
            targetModules: adapterConfig?.targetModules,
            modules: lora.modules.map(moduleRow),
            ...(lora.findings === undefined ? {} : { verdicts: lora.findings }),
            ...(lora.fingerprint === undefined ? {} : { fingerprint: lora.fingerprint }),
            ...(overBase === undefined ? {} : { base: baseReport(overBase) }),
          },
        }),
    ...optimizerReport(session.inside?.optimizers ?? []),
    ...partsReport(session),
    ...distributedReport(summary),
    ...(summary.progress === undefined ? {} : { progress: summary.progress }),
    ...(session.stage === undefined
      ? {}
      : { stage: { name: session.stage.stage, source: session.stage.source } }),
    ...importsReport(session),
    resume: await session.resume(),
    problems: [...mergeProblems(await session.healthWithLogs(), besides), ...values.problems],
  };
}

/** What a file of several parts holds: models, optimizers, histories. */
function partsReport(session: CheckpointSession) {
  const parts = session.parts();
  return parts.length === 0 ? {} : { parts };
}

/** The first; a file with several, as of a GAN, has the others under `optimizers`. */
function optimizerReport(optimizers: readonly OptimizerState[]) {
  const reports = optimizers.map(
    ({ path, name, models, groups, parameters, stateBytes, emptyState, note }) => ({
      ...(path === "" ? {} : { path }),
      name,
      ...(models === undefined ? {} : { models }),
      ...(note === undefined ? {} : { note }),
      groups: groups.map(({ settings, parameterCount }) => ({
        ...Object.fromEntries(settings),
        parameterCount,
      })),
      stateBytes,
      emptyState,
      parameters: parameters.map(({ index, name: parameterName, nameInferred, group, state }) => ({
        index,
        ...(parameterName === undefined ? {} : { name: parameterName }),
        ...(nameInferred === undefined ? {} : { nameInferred }),
        group,
        state: Object.fromEntries(state),
      })),
    }),
  );
  const [first] = reports;
  if (first === undefined) return {};
  return reports.length === 1 ? { optimizer: first } : { optimizer: first, optimizers: reports };
}

function importsReport({ checkpoint: { imports } }: CheckpointSession) {
  if (imports === undefined) return {};
  return { imports: imports.map(({ global, verdict, count }) => ({ global, verdict, count })) };
}

/** What is printed when nothing could be read. */
export function failedReport(path: string, problem: Problem) {
  return {
    path,
    format: "unknown" as const,
    kind: "unknown" as const,
    tensors: [],
    metadata: {},
    problems: [problem],
  };
}

/** The weights could not be read as what they claim to be, wholly or in part. */
export function hasReadingErrors(session: CheckpointSession): boolean {
  return session.checkpoint.problems.some(isReadingError);
}

function moduleRow({ module, rank, alpha, scale, metrics, experts }: LoraView["modules"][number]) {
  return {
    module,
    rank,
    alpha,
    scale,
    ...(metrics === undefined ? {} : metricValues(metrics)),
    singularValues: metrics?.singularValues ?? [],
    ...(experts === undefined ? {} : { experts }),
  };
}

function tensorRows(
  { checkpoint }: CheckpointSession,
  { tensors, ofCodes = false }: ValueFindings,
  packed: PackedCodes,
) {
  const isSharded = checkpoint.files.length > 1;
  const names = checkpoint.format === "gguf" ? GgufNames.of(checkpoint.metadata) : undefined;
  return checkpoint.tensors.map((tensor, index) => {
    const { name, dtype, shape, byteSize, fileIndex, assembly } = tensor;
    const { sha256, stats } = tensors.get(index) ?? {};
    const unreadable = unreadablePart(tensor);
    return {
      name,
      dtype,
      shape,
      byteSize,
      ...twinRow(names?.twin(name)),
      ...(isSharded ? { file: checkpoint.files[fileIndex]?.name } : {}),
      ...(assembly === undefined ? {} : { pieces: assembly.pieces.length }),
      ...(unreadable === undefined ? {} : { unreadable }),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...packedRow(packed.weights.get(tensor), stats !== undefined && !ofCodes),
      ...(packed.unknown.has(tensor) ? { notDequantised: packed.unknown.get(tensor) } : {}),
      ...(stats === undefined ? {} : { stats }),
    };
  });
}

/** What transformers calls a tensor of a GGUF file, and what it keeps otherwise. */
function twinRow(twin: GgufTwin | undefined) {
  if (twin === undefined) return {};
  const { name, change } = twin;
  return { transformersName: name, ...(change === undefined ? {} : { converted: change.kind }) };
}

/** What codes stand for, and how much is stored for it, its scales included. */
function packedRow(weight: PackedWeight | undefined, hasValueStats: boolean) {
  if (weight === undefined) return {};
  const { name, scheme, shape } = weight;
  const statsOf = hasValueStats ? { statsOf: "values" } : {};
  return {
    packed: { name, scheme, shape, parameters: elementCount(shape), storedBytes: packedBytes(weight) },
    ...statsOf,
  };
}

/** The value that all share. */
function common<T>(values: readonly T[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}
