import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../../src/core/problem/checkpointError";
import { fuzzSamples } from "../../fuzz/samples";
import { MemoryFiles } from "../../support/memoryFiles";
import { type OpenedTensors, openTensors } from "../../support/openTensors";

/** What opening and reading all of it comes to: a refusal, or what there is. */
async function outcome(files: Readonly<Record<string, Uint8Array>>, path: string) {
  try {
    return await openTensors(new MemoryFiles(files), path);
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(CheckpointError);
    return error as CheckpointError;
  }
}

const isTold = ({ checkpoint }: OpenedTensors) =>
  checkpoint.problems.some(({ severity }) => severity !== "info");

describe("of each format a file that was cut", () => {
  test.each(fuzzSamples().map((sample) => [sample.name, sample] as const))(
    "is refused or told, and no value is made up: %s",
    async (_, { files, path }) => {
      const whole = await outcome(files, path);
      for (const [name, bytes] of Object.entries(files)) {
        for (let cut = 0; cut < 10; cut++) {
          const length = Math.floor((bytes.length * cut) / 10);
          const found = await outcome({ ...files, [name]: bytes.slice(0, length) }, path);
          const where = `${name} cut at ${length} of ${bytes.length}`;
          if (found instanceof CheckpointError) {
            expect(found.message, where).toMatch(/^\S.{20,}[.)]$/s);
            continue;
          }
          if (whole instanceof CheckpointError) continue;
          const same = Object.entries(whole.tensors).every(
            ([key, { sha256 }]) => sha256 === undefined || found.tensors[key]?.sha256 === sha256,
          );
          expect(same || isTold(found), `${where} is told`).toBe(true);
          for (const [key, { dtype, sha256 }] of Object.entries(found.tensors)) {
            const { [key]: wanted } = whole.tensors;
            // Where the masters are lost, the model's own weights are of another type.
            if (wanted?.dtype === dtype)
              expect([undefined, wanted.sha256], `${where}: ${key}`).toContain(sha256);
          }
        }
      }
    },
  );
});
