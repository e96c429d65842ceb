import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { readAllValues } from "../../../src/core/tensors/readValues";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { safetensorsFile } from "./safetensorsFile";

export interface TensorData {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Writes a safetensors file, with its folder where that is not there. */
export function writeTensors(
  path: string,
  tensors: readonly TensorData[],
  metadata?: Readonly<Record<string, string>>,
): string {
  mkdirSync(dirname(path), { recursive: true });
  const specs = tensors.map(({ name, dtype, shape, data }) => ({ name, dtype, shape, bytes: data.length }));
  const data = Buffer.concat(tensors.map((tensor) => tensor.data));
  writeFileSync(path, safetensorsFile({ tensors: specs, data, metadata }));
  return path;
}

export function openSession(path: string): Promise<CheckpointSession> {
  return CheckpointSession.open(nodeFiles, path, () => undefined);
}

/** The values of every tensor of a checkpoint, by its name. */
export async function valuesOf(path: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const session = await openSession(path);
  const reader = session.tensorReader();
  try {
    const values = new Map<string, readonly number[]>();
    for (const tensor of session.checkpoint.tensors)
      values.set(tensor.name, [
        ...(await readAllValues(tensor, (each, offset, length) => reader.readRange(each, offset, length))),
      ]);
    return values;
  } finally {
    await reader.close();
  }
}
