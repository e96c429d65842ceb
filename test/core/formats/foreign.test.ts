import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { changedTensors } from "../../../src/worker/diff/changedTensors";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { folderOf } from "../../fuzz/samples";
import { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";
import { projectRoot } from "../../support/projectRoot";

/** What the libraries themselves wrote, and what their own readers find in it. */

const folder = join(projectRoot, "test/fixtures/foreign");

interface Expected {
  readonly parameters: number;
  readonly tensors: Readonly<Record<string, { dtype: string; shape: readonly number[]; sha256: string }>>;
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);
const dtypes: Readonly<Record<string, string>> = { float32: "F32", int32: "I32", int64: "I64" };

test.each(Object.keys(expected))("%s", async (name) => {
  const { checkpoint, tensors } = await openTensors(nodeFiles, join(folder, name));
  const { parameters, tensors: wanted } = expected[name] as Expected;
  expect(checkpoint.problems).toEqual([]);
  for (const [key, { dtype, shape, sha256 }] of Object.entries(wanted))
    expect(tensors[key], key).toMatchObject({ dtype: dtypes[dtype], shape, sha256 });
  const own = checkpoint.content?.parameters;
  const counted = checkpoint.tensors.filter(({ name: each }) => own === undefined || own.has(each));
  const count = counted.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(count).toBe(parameters);
});

describe("two networks of TensorFlow in one checkpoint", () => {
  test("have an optimizer each", async () => {
    const session = await CheckpointSession.open(nodeFiles, join(folder, "gan"), () => undefined);
    const told = session.inside?.optimizers.map(({ path, name, parameters, groups }) => [
      path,
      name,
      parameters.map(({ state }) => [...state.keys()].join()),
      [...(groups[0]?.settings.keys() ?? [])],
    ]);
    const settings = ["iterations", "learning_rate"];
    expect(told).toEqual([
      ["critic_optimizer", "RMSprop (Keras)", Array(4).fill("velocity"), settings],
      ["generator_optimizer", "Adam family (Keras)", Array(4).fill("momentum,velocity"), settings],
    ]);
  });

  test("tell which tensor and which block of the index are not as they were saved", async () => {
    const { files, path } = folderOf("foreign/gan");
    const whole = new MemoryFiles(files);
    expect(await changedTensors(await CheckpointSession.open(whole, path, () => undefined))).toEqual([]);
    const [data = "", index = ""] = ["data-00000-of-00001", "index"].map(
      (ending) => `${path}/ckpt-1.${ending}`,
    );
    const changed = {
      ...files,
      [data]: (files[data] as Uint8Array).slice(),
      [index]: (files[index] as Uint8Array).slice(),
    };
    const tensor = (await openCheckpoint(whole, path)).tensors.find(({ name }) =>
      name.startsWith("generator"),
    );
    flip(changed[data], tensor?.offset ?? 0);
    const session = await CheckpointSession.open(new MemoryFiles(changed), path, () => undefined);
    expect(session.checkpoint.problems).toEqual([]);
    expect(await changedTensors(session)).toMatchObject([{ code: "ChecksumMismatch", tensor: tensor?.name }]);
    // The version of the writer, which nothing else looks at.
    flip(changed[index], 8);
    const { problems } = await openCheckpoint(new MemoryFiles(changed), path);
    expect(problems).toMatchObject([{ code: "ChecksumMismatch", offset: 0 }]);
  });
});

function flip(bytes: Uint8Array | undefined, at: number): void {
  if (bytes !== undefined) bytes[at] = (bytes[at] as number) ^ 2;
}
