import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { type OcdbtEntry, ocdbtFolder } from "../../../support/made/ocdbtFolder";
import { MemoryFiles } from "../../../support/memoryFiles";

/** An array of zarr 2 in one chunk of ones. */
const array = (key: string, shape: readonly number[], dtype = "<f4"): OcdbtEntry[] => {
  const description = {
    zarr_format: 2,
    shape,
    chunks: shape,
    dtype,
    compressor: null,
    fill_value: null,
    order: "C",
    filters: null,
  };
  const count = shape.reduce((product, size) => product * size, 1);
  const ones = new Array<number>(count).fill(1);
  const values = dtype === "<i4" ? Int32Array.from(ones) : Float32Array.from(ones);
  const bytes = new Uint8Array(values.buffer);
  return [
    { key: `${key}/.zarray`, value: new TextEncoder().encode(JSON.stringify(description)), inline: true },
    { key: `${key}/${shape.map(() => 0).join(".") || "0"}`, value: bytes },
  ];
};
const summaryOf = async (files: Record<string, Uint8Array | string>, path: string) =>
  (await CheckpointSession.open(new MemoryFiles(files), path, () => undefined)).summary();

describe("a step of Orbax", () => {
  test("that a CheckpointManager saved says its number by its folder's name, and its metrics", async () => {
    const { progress } = await summaryOf(
      {
        ...ocdbtFolder("/run/ckpt_00000300/params", array("w", [3, 5])),
        "/run/ckpt_00000300/_CHECKPOINT_METADATA": "{}",
        "/run/ckpt_00000300/metrics/metrics": '{"loss": 0.25, "acc": NaN, "name": "x"}',
      },
      "/run/ckpt_00000300",
    );
    expect(progress).toMatchObject({ step: 300, loss: 0.25 });
  });

  test("keeps the count of steps within an item, and numbers beside the parameters, out of the model", async () => {
    const entries = [...array("params.w", [3, 5]), ...array("lr", []), ...array("state.step", [], "<i4")];
    const { parameterCount, progress } = await summaryOf(ocdbtFolder("/c", entries), "/c");
    expect(parameterCount).toBe(15);
    expect(progress?.step).toBe(1);
  });

  test("without the tree of its arrays is read, and says that Orbax restores nothing", async () => {
    const { problems } = await summaryOf(
      { ...ocdbtFolder("/c/4/default", array("w", [3])), "/c/4/default/_sharding": "{}" },
      "/c/4",
    );
    expect(problems.map(({ code, file }) => [code, file])).toEqual([
      ["TreeMissing", "/c/4/default/_METADATA"],
    ]);
  });

  test("that its writer did not finish cannot be resumed, whatever is there", async () => {
    const path = "/c/4.orbax-checkpoint-tmp-17";
    const entries = [...array("params.w", [3]), ...array("opt_state.0.mu.w", [3])];
    const files = new MemoryFiles(ocdbtFolder(path, entries));
    const session = await CheckpointSession.open(files, path, () => undefined);
    const { answer, checks } = await session.resume();
    expect([answer, checks[0]?.reason]).toEqual([
      "no",
      expect.stringMatching(/^4\.orbax-checkpoint-tmp-17 was not finished/),
    ]);
  });
});
