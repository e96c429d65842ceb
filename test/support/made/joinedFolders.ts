import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "../../../src/core/checkpoint/checkpoint";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../src/core/checkpoint/tensorReader";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { folderInMemory } from "../../core/resume/resumeFiles";
import type { MemoryFiles } from "../memoryFiles";
import { projectRoot } from "../projectRoot";

const fixtures = join(projectRoot, "test/fixtures/deepspeed");

/** A tensor as test/fixtures/makeDeepSpeedFixtures.py made it, before it was cut over ranks. */
export interface ExpectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly aliasOf?: string;
}

export interface ExpectedFolder {
  readonly kind: string;
  readonly path: string;
  readonly tensors: readonly ExpectedTensor[];
  readonly optimizer?: Readonly<Record<string, Readonly<Record<string, ExpectedTensor>>>>;
  readonly step: number;
  readonly worldSize?: number;
}

export const expectedFolders: Readonly<Record<string, ExpectedFolder>> = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

/** One of the fixtures below `/run`. */
export function joinedFixture(name: string): MemoryFiles {
  return folderInMemory(join(fixtures, name), `/run/${name}`);
}

/** All that is expected of a folder: weights, and the moments under the names that they are shown by. */
export function allExpected({ tensors, optimizer = {} }: ExpectedFolder): readonly ExpectedTensor[] {
  const moments = Object.entries(optimizer).flatMap(([name, held]) =>
    Object.entries(held).map(([key, tensor]) => ({ ...tensor, name: `optimizer.state.${name}.${key}` })),
  );
  return [...tensors, ...moments];
}

export interface ReadTensors {
  readonly checkpoint: Checkpoint;
  /** The hash of each tensor's bytes; undefined for those that cannot be read. */
  readonly hashes: ReadonlyMap<string, string | undefined>;
}

export async function readTensors(files: MemoryFiles, path: string): Promise<ReadTensors> {
  const checkpoint = await openCheckpoint(files, path);
  const reader = new TensorReader(files, checkpoint);
  const hashes = new Map<string, string | undefined>();
  for (const tensor of checkpoint.tensors) hashes.set(tensor.name, await hashOf(reader, tensor));
  await reader.close();
  return { checkpoint, hashes };
}

async function hashOf(reader: TensorReader, tensor: Tensor): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await reader.read(tensor))
      .digest("hex");
  } catch {
    return undefined;
  }
}
