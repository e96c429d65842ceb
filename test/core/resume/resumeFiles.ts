import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ResumeCheck, ResumeReport, ResumeTopic } from "../../../src/core/resume/resumeReport";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

/** Checkpoints that trainers of other libraries write; test/fixtures/makeTrainingFixtures.py made them. */
export const trainingFixtures = join(projectRoot, "test", "fixtures", "training");

const sample = join(projectRoot, "media", "sample", "03-fine-tuning");

export function bytesAt(...parts: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(...parts)));
}

export function sampleFile(name: string, checkpoint = "checkpoint-240"): Uint8Array {
  return bytesAt(sample, checkpoint, name);
}

/** A genuine checkpoint of the sample run at /run/checkpoint-240. */
export function sampleCheckpoint(): MemoryFiles {
  return folderInMemory(join(sample, "checkpoint-240"), "/run/checkpoint-240");
}

/** A folder on disk under a path in memory. */
export function folderInMemory(from: string, to: string, files = new MemoryFiles()): MemoryFiles {
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (statSync(path).isDirectory()) folderInMemory(path, `${to}/${name}`, files);
    else files.write(`${to}/${name}`, bytesAt(path));
  }
  return files;
}

export async function resumeOf(files: MemoryFiles, path: string): Promise<ResumeReport> {
  const session = await CheckpointSession.open(files, path, () => undefined);
  return session.resume();
}

export function checkOf({ checks }: ResumeReport, what: ResumeTopic): ResumeCheck | undefined {
  return checks.find((check) => check.what === what);
}

export function verdicts({ checks }: ResumeReport): Record<string, string> {
  return Object.fromEntries(checks.map(({ what, verdict }) => [what, verdict]));
}
