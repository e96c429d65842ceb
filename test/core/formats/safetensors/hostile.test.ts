import { describe, expect, it, vi } from "vitest";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { problemsOf, readHeader } from "./readFile";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

/** Headers that are made to exhaust time or memory. A test that hangs here fails by its time limit. */
describe("a hostile header", () => {
  it("with a million axes gives no tensor and one short problem", async () => {
    const header = `{"a":{"dtype":"U8","shape":[${"1,".repeat(999_999)}1],"data_offsets":[0,1]}}`;
    const { tensors, problems } = await readHeader(header, 1);
    expect(tensors).toEqual([]);
    expect(problems).toEqual([
      {
        severity: "error",
        code: "TooManyAxes",
        message: 'Tensor "a" has more than 256 axes.',
        offset: 9,
        tensor: "a",
      },
    ]);
  });

  it("with 256 axes is read", async () => {
    const header = `{"a":{"dtype":"U8","shape":[${"1,".repeat(255)}1],"data_offsets":[0,1]}}`;
    const { tensors, problems } = await readHeader(header, 1);
    expect(tensors[0]?.shape).toHaveLength(256);
    expect(problems).toEqual([]);
  });

  it("with a million offsets is refused at the third", async () => {
    const header = `{"a":{"dtype":"U8","shape":[1],"data_offsets":[${"0,".repeat(999_999)}1]}}`;
    expect((await readHeader(header, 1)).problems[0]?.message).toContain("[begin, end]");
  });

  it.each(["shape", "data_offsets"])(
    "with a number of ten million digits in %s costs no big arithmetic",
    async (field) => {
      const digits = "9".repeat(10_000_000);
      const [shape, offsets] = field === "shape" ? [digits, "0,1"] : ["1", `0,${digits}`];
      const { problems } = await readHeader(
        `{"a":{"dtype":"U8","shape":[${shape}],"data_offsets":[${offsets}]}}`,
        1,
      );
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message).toContain("more than 64 bits");
      expect(problems[0]?.message.length).toBeLessThan(200);
    },
  );

  it("with 300,000 tensors is read", async () => {
    const count = 300_000;
    const entries = Array.from(
      { length: count },
      (_, index) => `"t.${index}":{"dtype":"U8","shape":[1],"data_offsets":[${index},${index + 1}]}`,
    );
    const { tensors, problems } = await readHeader(`{${entries.join(",")}}`, count);
    expect(tensors).toHaveLength(count);
    expect(tensors.at(-1)).toMatchObject({ name: "t.299999", byteSize: 1 });
    expect(problems).toEqual([]);
  });

  it("with 300,000 tensors that are all wrong is read in linear time and lists few of them", async () => {
    const count = 300_000;
    // Not ASCII, so that byte offsets are no text offsets; every entry overlaps and has an unknown dtype.
    const entries = Array.from(
      { length: count },
      (_, index) => `"é.${index}":{"dtype":"Q","shape":[],"data_offsets":[0,1]}`,
    );
    const header = `{${entries.join(",")}}`;
    const result = await readHeader(header, 1);
    expect(result.tensors).toHaveLength(count);
    expect(problemsOf(result, "InvalidOffset")).toHaveLength(200);
    expect(problemsOf(result, "InvalidHeaderDeserialization")).toHaveLength(200);
    expect(problemsOf(result, "MoreProblems").map(({ message }) => message)).toEqual([
      expect.stringContaining("299,800 more problems of the kind InvalidHeaderDeserialization"),
      expect.stringContaining("299,799 more problems of the kind InvalidOffset"),
    ]);
    const [first, second] = problemsOf(result, "InvalidOffset");
    expect(first?.offset).toBe(8 + new TextEncoder().encode(header.slice(0, header.indexOf('"é.1"'))).length);
    expect(second?.tensor).toBe("é.2");
  });

  it("with one name of 20 million characters is read", async () => {
    const name = "n".repeat(20_000_000);
    const { tensors, problems } = await readHeader(
      `{"${name}":{"dtype":"U8","shape":[1],"data_offsets":[0,2]}}`,
      2,
    );
    expect(tensors[0]?.name).toHaveLength(20_000_000);
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems).length).toBeLessThan(3000);
  });

  it("is left alone when the reading is cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    const source = { size: 100, read: () => Promise.resolve(controller.signal.throwIfAborted() as never) };
    const reading = readCheckpointFile(source, "a.safetensors", "/a.safetensors", controller.signal);
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });
});
