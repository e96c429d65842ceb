import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { ggufFile } from "../../support/made/ggufFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";

const part = (number: number, count: number, names: readonly string[], total = 3) =>
  ggufFile({
    keys: {
      ...(number === 0 ? { "general.architecture": "llama" } : {}),
      "split.no": number,
      "split.count": count,
      "split.tensors.count": total,
    },
    tensors: names.map((name) => ({ name, values: [number, 1, 2, 3] })),
  });

/** As `llama-gguf-split --no-tensor-first-split` writes it: the keys by themselves. */
const whole = {
  "/m/toy-00001-of-00003.gguf": part(0, 3, []),
  "/m/toy-00002-of-00003.gguf": part(1, 3, ["blk.0.w", "blk.10.w"]),
  "/m/toy-00003-of-00003.gguf": part(2, 3, ["blk.2.w"]),
};

describe("a GGUF model in parts", () => {
  test.each([1, 2, 3])("is one model by part %i", async (number) => {
    const files = new MemoryFiles(whole);
    const { checkpoint, tensors } = await openTensors(files, `/m/toy-0000${number}-of-00003.gguf`);
    expect(Object.keys(tensors)).toEqual(["blk.0.w", "blk.2.w", "blk.10.w"]);
    expect(checkpoint.problems).toEqual([]);
    expect(checkpoint.metadata.get("general.architecture")).toBe("llama");
    expect(checkpoint.files.map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
    expect(tensors["blk.2.w"]?.sha256).not.toBe(tensors["blk.0.w"]?.sha256);
  });

  test("says which part is missing, and shows the others", async () => {
    const { "/m/toy-00003-of-00003.gguf": _, ...rest } = whole;
    const { problems, tensors } = await openCheckpoint(new MemoryFiles(rest), "/m/toy-00001-of-00003.gguf");
    expect(tensors.map(({ name }) => name)).toEqual(["blk.0.w", "blk.10.w"]);
    expect(problems).toMatchObject([{ severity: "error", code: "MissingShard" }]);
    expect(problems[0]?.message).toContain("toy-00003-of-00003.gguf");
  });

  test("of which one was renamed, or is of another model, says so", async () => {
    const files = new MemoryFiles({ ...whole, "/m/toy-00003-of-00003.gguf": part(1, 3, ["blk.0.w"]) });
    const { problems } = await openCheckpoint(files, "/m/toy-00001-of-00003.gguf");
    expect(problems.map(({ code }) => code)).toEqual(["OverlappingShards", "WrongPart", "TensorCount"]);
  });

  test("whose name counts beyond reason looks for no more parts than a model may have", async () => {
    const files = new MemoryFiles({ "/m/toy-00001-of-99999.gguf": part(0, 99_999, ["w"]) });
    const { problems, tensors } = await openCheckpoint(files, "/m/toy-00001-of-99999.gguf");
    expect(tensors).toHaveLength(1);
    expect(problems.length).toBeLessThan(300);
  });
});
