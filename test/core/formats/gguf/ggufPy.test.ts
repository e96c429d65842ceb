import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFiles } from "../../../../src/worker/nodeFiles";
import { openTensors } from "../../../support/openTensors";
import { projectRoot } from "../../../support/projectRoot";

/** Files by gguf-py itself, and what its own reader finds in them (makeGgufPyFixtures.py). */
const folder = join(projectRoot, "test/fixtures/ggufPy");

interface ReadByGgufPy {
  readonly keys: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { dtype: string; shape: readonly number[]; sha256: string }>>;
}

const files: Readonly<Record<string, ReadByGgufPy>> = JSON.parse(
  readFileSync(join(folder, "files.json"), "utf8"),
);
const whole = Object.entries(files).filter(([name]) => !name.startsWith("split-"));

test.each(whole)(
  "%s: keys of every type, shapes and values, whatever the alignment and the byte order",
  async (name, read) => {
    const { checkpoint, tensors } = await openTensors(nodeFiles, join(folder, name));
    expect(checkpoint.problems).toEqual([]);
    expect(tensors).toEqual(read.tensors);
    for (const [key, value] of Object.entries(read.keys)) {
      // gguf-py's reader joins lists of lists; numbers beyond 2^53 are rounded in its JSON.
      if (key === "k.lists") expect(checkpoint.metadata.get(key)).toBe("[[1, 2], [3]]");
      else if (key === "k.u64") expect(checkpoint.metadata.get(key)).toBe("9223372036854775809");
      else if (key === "k.i64") expect(checkpoint.metadata.get(key)).toBe("-4611686018427387904");
      else if (Array.isArray(value)) expect(JSON.parse(checkpoint.metadata.get(key) ?? "")).toEqual(value);
      else expect(checkpoint.metadata.get(key), key).toBe(String(value));
    }
  },
);
