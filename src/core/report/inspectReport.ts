import { tensorStatistics } from "../analysis/tensorStatistics";
import type { CheckpointSession } from "../checkpoint/checkpointSession";
import type { FormatError } from "../formats/formatError";
import type { LoraView } from "../lora/loraView";
import type { OptimizerState } from "../optimizer/optimizerState";
import { isReadingError } from "../problem";
import type { Tensor } from "../tensors/tensor";
import { toPlain } from "./reportJson";

/** Hashes bytes that come in pieces; Node's crypto, which core has not. */
export type StreamHash = () => { update(bytes: Uint8Array): void; digest(): string };

export interface InspectOptions {
  readonly stats: boolean;
  /** Set to hash every tensor's bytes. */
  readonly sha256: StreamHash | undefined;
}

/** What `inspect --json` prints: a contract that scripts depend on (README, "Command line"). */
export async function inspectReport(path: string, session: CheckpointSession, options: InspectOptions) {
  const summary = session.summary();
  const lora = await session.lora();
  const { adapterConfig, folder } = session;
  const rawConfig = session.adapter === undefined ? folder.config : folder.adapterConfig;
  return {
    path,
    format: summary.format,
    kind: summary.kind,
    tensors: await tensorRows(session, options),
    metadata: Object.fromEntries(summary.metadata),
    ...(rawConfig === undefined ? {} : { config: toPlain(rawConfig.value) }),
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
          },
        }),
    ...optimizerReport(session.inside?.optimizers ?? []),
    ...(summary.progress === undefined ? {} : { progress: summary.progress }),
    ...(session.stage === undefined
      ? {}
      : { stage: { name: session.stage.stage, source: session.stage.source } }),
    ...importsReport(session),
    resume: await session.resume(),
    problems: summary.problems,
  };
}

/** The first; a file with several, as of a GAN, has the others under `optimizers`. */
function optimizerReport(optimizers: readonly OptimizerState[]) {
  const reports = optimizers.map(({ path, name, groups, parameters, stateBytes, emptyState }) => ({
    ...(path === "" ? {} : { path }),
    name,
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
  }));
  const [first] = reports;
  if (first === undefined) return {};
  return reports.length === 1 ? { optimizer: first } : { optimizer: first, optimizers: reports };
}

function importsReport({ checkpoint: { imports } }: CheckpointSession) {
  if (imports === undefined) return {};
  return { imports: imports.map(({ global, verdict, count }) => ({ global, verdict, count })) };
}

/** What is printed when nothing could be read. */
export function failedReport(path: string, error: FormatError) {
  return {
    path,
    format: "unknown" as const,
    kind: "unknown" as const,
    tensors: [],
    metadata: {},
    problems: [error.toProblem()],
  };
}

/** The weights could not be read as what they claim to be, wholly or in part. */
export function hasReadingErrors(session: CheckpointSession): boolean {
  return session.checkpoint.problems.some(isReadingError);
}

function moduleRow({ module, rank, alpha, scale, metrics }: LoraView["modules"][number]) {
  return {
    module,
    rank,
    alpha,
    scale,
    normA: metrics?.normA,
    normB: metrics?.normB,
    frobenius: metrics?.frobenius,
    spectral: metrics?.spectral,
    stableRank: metrics?.stableRank,
    effectiveRank: metrics?.effectiveRank,
    singularValues: metrics?.singularValues ?? [],
  };
}

async function tensorRows(session: CheckpointSession, { stats, sha256 }: InspectOptions) {
  const { checkpoint } = session;
  const isSharded = checkpoint.files.length > 1;
  const reader = session.tensorReader();
  try {
    const rows = [];
    for (const tensor of checkpoint.tensors) {
      const { name, dtype, shape, byteSize, fileIndex } = tensor;
      const file = isSharded ? { file: checkpoint.files[fileIndex]?.name } : {};
      const read = (offset: number, length: number) => reader.readRange(tensor, offset, length);
      rows.push({
        name,
        dtype,
        shape,
        byteSize,
        ...file,
        ...(sha256 === undefined
          ? {}
          : await unlessCut(async () => ({ sha256: await hash(tensor, read, sha256) }))),
        ...(stats ? await unlessCut(async () => ({ stats: await tensorStatistics(tensor, read) })) : {}),
      });
    }
    return rows;
  } finally {
    await reader.close();
  }
}

/** A tensor of a cut file has no bytes to look at; the file's problem says so already. */
async function unlessCut<T extends object>(work: () => Promise<T>): Promise<T | object> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError) return {};
    throw error;
  }
}

const hashChunkBytes = 4 * 1024 * 1024;

async function hash(
  tensor: Tensor,
  read: (offset: number, length: number) => Promise<Uint8Array>,
  sha256: StreamHash,
): Promise<string> {
  const state = sha256();
  for (let offset = 0; offset < tensor.byteSize; offset += hashChunkBytes) {
    state.update(await read(offset, Math.min(hashChunkBytes, tensor.byteSize - offset)));
  }
  return state.digest();
}

/** The value that all share. */
function common<T>(values: readonly T[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}
