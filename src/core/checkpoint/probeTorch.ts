import type { Files } from "../bytes/files";
import { limitedFiles, ReadAllowance, ReadLimitError } from "../bytes/limitedFiles";
import { shapesInside } from "../optimizer/modelShapes";
import { CheckpointError } from "../problem/checkpointError";
import { maxFolderProbeBytes, maxProbeBytes } from "../problem/limits";
import type { Problem } from "../problem/problem";
import type { Checkpoint } from "./checkpoint";
import { contentKind } from "./contentKind";
import { progressInside } from "./inside/progressInside";
import { openCheckpoint } from "./openCheckpoint";
import type { WeightsProbe } from "./probeWeights";
import { readScalars } from "./readScalars";
import type { CheckpointKind } from "./summary";
import { TensorReader } from "./tensorReader";
import { withValues } from "./withValues";

/** Problems that one row of a list can carry. */
const maxProbeProblems = 3;

const nothing: WeightsProbe = { metadata: undefined, problems: [] };

/**
 * Looks into a torch file, or a folder of several processes, for a list of many: what Python would import from it, whether it is whole, and how far the
 * training was where the file says so. Gives up where that takes more reading than a look may; never rejects for
 * what is in the file.
 * @throws ReadLimitError where `allowance`, which many looks share, is used up.
 */
export async function probeTorch(
  files: Files,
  path: string,
  allowance: ReadAllowance,
  signal?: AbortSignal,
): Promise<WeightsProbe> {
  const isFolder = (await files.stat(path))?.kind === "directory";
  const own = new ReadAllowance(isFolder ? maxFolderProbeBytes : maxProbeBytes);
  const limited = limitedFiles(files, own, allowance);
  try {
    const checkpoint = await withValues(await openCheckpoint(limited, path, signal), signal);
    const { content } = checkpoint;
    const kind = content === undefined ? undefined : contentKind(content);
    const progress = await progressOf(limited, checkpoint, kind, signal);
    // Of a folder of several processes the shapes are not known before its pieces are.
    const shapes = isFolder || content === undefined || kind === "data" ? undefined : shapesInside(content);
    return {
      metadata: undefined,
      problems: checkpoint.problems.filter(isForRow).slice(0, maxProbeProblems),
      ...(kind === "data" || kind === "history" ? { noModel: true as const } : {}),
      ...(progress === undefined ? {} : { progress }),
      ...(shapes === undefined ? {} : { shapes }),
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ReadLimitError && error.allowance === allowance) throw error;
    if (!(error instanceof CheckpointError)) return nothing;
    if (isTold(error)) return { metadata: undefined, problems: [error.toProblem()] };
    return path.endsWith(".zip") ? { ...nothing, noModel: true } : nothing;
  }
}

/** Files of another kind under such a name, token files for one, are no fault of a checkpoint; sizes tell empty ones. */
function isTold({ code }: CheckpointError): boolean {
  return code !== "UnknownFormat" && code !== "UnsupportedFormat" && code !== "EmptyFile";
}

function isForRow({ severity, code }: Problem): boolean {
  return severity === "error" || code === "UnknownCalls" || code === "UnknownImports";
}

async function progressOf(
  files: Files,
  checkpoint: Checkpoint,
  kind: CheckpointKind | undefined,
  signal?: AbortSignal,
): Promise<WeightsProbe["progress"]> {
  const { content } = checkpoint;
  if (content === undefined || (kind !== "training-checkpoint" && kind !== undefined)) return undefined;
  const reader = new TensorReader(files, checkpoint);
  try {
    const told = await progressInside(content, async (tensor) =>
      (await readScalars(reader, [tensor], signal)).get(tensor),
    );
    return told?.summary;
  } finally {
    await reader.close();
  }
}
