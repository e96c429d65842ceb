import { createHash } from "node:crypto";
import type { Files } from "../../src/core/bytes/files";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../src/core/checkpoint/tensorReader";

export interface ReadTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Of the bytes, contiguous and little-endian; undefined where they cannot be read. */
  readonly sha256: string | undefined;
}

export interface OpenedTensors {
  readonly checkpoint: Checkpoint;
  readonly tensors: Readonly<Record<string, ReadTensor>>;
}

/** Opens a checkpoint and reads every tensor of it. */
export async function openTensors(files: Files, path: string): Promise<OpenedTensors> {
  const checkpoint = await openCheckpoint(files, path);
  const reader = new TensorReader(files, checkpoint);
  const tensors: Record<string, ReadTensor> = {};
  for (const tensor of checkpoint.tensors) {
    const bytes = await reader.read(tensor).catch(() => undefined);
    const sha256 = bytes && createHash("sha256").update(bytes).digest("hex");
    tensors[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, sha256 };
  }
  await reader.close();
  return { checkpoint, tensors };
}
