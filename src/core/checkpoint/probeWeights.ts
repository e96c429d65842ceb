import type { ByteSource } from "../bytes/byteSource";
import type { Files } from "../bytes/files";
import { readU64 } from "../bytes/littleEndian";
import { baseName } from "../bytes/paths";
import { readCheckpointFile } from "../formats/readFile";
import { safetensors } from "../formats/safetensors/safetensors";
import { JsonScanner, JsonSyntaxError } from "../json/jsonScanner";
import { type ModelShapes, shapesOf } from "../optimizer/modelShapes";
import { CheckpointError } from "../problem/checkpointError";
import { headerProbeBytes, maxHeaderDepth } from "../problem/limits";
import type { Problem } from "../problem/problem";
import type { ProgressSummary } from "./summary";

const lengthFieldBytes = 8;

/** What the first bytes of a weights file tell, for a list of many: a hint, never the whole truth. */
export interface WeightsProbe {
  /** The `__metadata__`, where it stands in the first 64 KB: writers put it before the tensors. */
  readonly metadata: ReadonlyMap<string, string> | undefined;
  /** Data, logged values, or a file of another kind under a name that checkpoints have. */
  readonly noModel?: true;
  /** Why the file is not what its name says, or is not whole. Empty for headers too long for a look. */
  readonly problems: readonly Problem[];
  /** How far the training was, where a file says so itself: Lightning, nanoGPT, dicts written by hand. */
  readonly progress?: ProgressSummary;
  /** Undefined where no model was seen, or its header is too long for a look. */
  readonly shapes?: ModelShapes;
}

/** Problems that one row of a list can carry. */
const maxProbeProblems = 3;

const nothing: WeightsProbe = { metadata: undefined, problems: [] };

/**
 * Looks at a safetensors file in at most two reads of 64 KB, so that a folder of checkpoints can say which are
 * cut, are Git LFS pointers or carry a stage. Never rejects for what is in the file.
 */
export async function probeWeights(files: Files, path: string, signal?: AbortSignal): Promise<WeightsProbe> {
  if (!path.endsWith(".safetensors")) return nothing;
  try {
    const source = await files.open(path);
    try {
      const head = await source.read(0, Math.min(source.size, headerProbeBytes), signal);
      return isShortHeader(head, source)
        ? await readWhole(source, path, signal)
        : {
            metadata: scanMetadata(new TextDecoder("utf-8").decode(head.subarray(lengthFieldBytes))),
            problems: [],
          };
    } finally {
      await source.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    return error instanceof CheckpointError
      ? { metadata: undefined, problems: [error.toProblem()] }
      : nothing;
  }
}

/** Whether reading the directory costs no more than a look, or fails at once because it is none. */
function isShortHeader(head: Uint8Array, source: ByteSource): boolean {
  if (!safetensors.matches(head)) return true;
  const end = BigInt(lengthFieldBytes) + readU64(head, 0);
  return end <= BigInt(head.length) || end > BigInt(source.size);
}

async function readWhole(source: ByteSource, path: string, signal?: AbortSignal): Promise<WeightsProbe> {
  const { metadata, tensors, problems } = await readCheckpointFile(source, baseName(path), path, signal);
  const errors = problems.filter(({ severity }) => severity === "error").slice(0, maxProbeProblems);
  const shapes = shapesOf(tensors);
  return {
    metadata,
    problems: errors.map((problem) => ({ file: path, ...problem })),
    ...(shapes === undefined ? {} : { shapes }),
  };
}

/** Stops at the first member that the text does not hold whole. */
function scanMetadata(text: string): ReadonlyMap<string, string> | undefined {
  const scanner = new JsonScanner(text, maxHeaderDepth);
  let metadata: Map<string, string> | undefined;
  try {
    scanner.readObject((key) => {
      if (key !== "__metadata__") {
        scanner.skipValue();
        return;
      }
      const found = new Map<string, string>();
      scanner.readObject((name) => found.set(name, scanner.readString()));
      metadata = found;
    });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
  }
  return metadata;
}
