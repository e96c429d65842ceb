import { describe, expect, it, vi } from "vitest";
import type { ByteSource } from "../../../src/core/bytes/byteSource";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { CountingFiles } from "../../support/countingSource";
import { deepSeek, indexText, llama7b, mixtureOfExperts } from "../../support/made/largeModels";
import { dataSizeOf, fileHead, sparseFile } from "../../support/made/safetensorsFile";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

/** DESIGN §7: opening costs header bytes only. The sources here have no data to give. */
const probe = 65_536;

function folder(files: Readonly<Record<string, ByteSource>>): CountingFiles {
  return new CountingFiles("/m", new Map(Object.entries(files)));
}

describe("opening a file", () => {
  it("reads a small one once, whole", async () => {
    const spec = { align: 8, tensors: [{ name: "a", dtype: "F32", shape: [10] }] };
    const size = fileHead(spec).length + 40;
    const files = folder({ "model.safetensors": sparseFile(spec) });
    await openCheckpoint(files, "/m/model.safetensors");
    expect(files.readsOf("model.safetensors")).toEqual([{ offset: 0, length: size }]);
    expect(files.totals.opens).toBe(1);
    expect(files.openNow).toBe(0);
  });

  it("of 13.5 GB reads 64 KiB once", async () => {
    const spec = { metadata: { format: "pt" }, align: 8, tensors: llama7b() };
    const source = sparseFile(spec);
    expect(source.size).toBeGreaterThan(13.4e9);
    expect(fileHead(spec).length).toBeLessThan(probe);
    const files = folder({ "model.safetensors": source });
    const { tensors, problems } = await openCheckpoint(files, "/m/model.safetensors");
    expect(tensors).toHaveLength(291);
    expect(problems).toEqual([]);
    expect(files.totals).toEqual({ opens: 1, reads: 1, bytes: probe });
  });

  it("with 23,040 tensors reads its header of 2.7 MB in two reads, and no byte twice", async () => {
    const spec = { metadata: { format: "pt" }, align: 8, tensors: mixtureOfExperts() };
    const headerEnd = fileHead(spec).length;
    expect(headerEnd).toBeGreaterThan(2.69e6);
    const files = folder({ "moe.safetensors": sparseFile(spec) });
    const { tensors, problems } = await openCheckpoint(files, "/m/moe.safetensors");
    expect(tensors).toHaveLength(23_040);
    expect(problems).toEqual([]);
    expect(files.readsOf("moe.safetensors")).toEqual([
      { offset: 0, length: probe },
      { offset: probe, length: headerEnd - probe },
    ]);
    expect(files.openNow).toBe(0);
  });

  it.each([probe - 1, probe, probe + 1])(
    "whose header ends at byte %d reads as often as it must",
    async (end) => {
      const spec = { header: "{}".padEnd(end - 8) };
      const files = folder({ "a.safetensors": sparseFile(spec, 0) });
      const { problems } = await openCheckpoint(files, "/m/a.safetensors");
      expect(problems).toEqual([]);
      expect(files.totals).toEqual({ opens: 1, reads: end > probe ? 2 : 1, bytes: end });
    },
  );
});

describe("opening 163 shards with 89,088 tensors", () => {
  it("reads the index once and each shard at most twice, header bytes only, with 16 open at a time", async () => {
    const shards = deepSeek();
    const specs = shards.map(({ name, tensors }) => ({
      name,
      metadata: { format: "pt" },
      align: 8,
      tensors,
    }));
    const totalSize = specs.reduce((sum, spec) => sum + dataSizeOf(spec), 0);
    expect(totalSize).toBeGreaterThan(654e9);
    const index = new TextEncoder().encode(indexText(shards, totalSize));
    const files = folder({
      "model.safetensors.index.json": new MemoryByteSource(index),
      ...Object.fromEntries(specs.map((spec) => [spec.name, sparseFile(spec)])),
    });

    const model = await openCheckpoint(files, "/m/model.safetensors.index.json");

    expect(model.tensors).toHaveLength(89_088);
    expect(model.problems).toEqual([]);
    expect(model.files).toHaveLength(163);
    expect(files.readsOf("model.safetensors.index.json")).toEqual([{ offset: 0, length: index.length }]);
    for (const spec of specs) {
      const headerEnd = fileHead(spec).length;
      const reads = files.readsOf(spec.name);
      expect(reads).toEqual(
        headerEnd <= probe
          ? [{ offset: 0, length: probe }]
          : [
              { offset: 0, length: probe },
              { offset: probe, length: headerEnd - probe },
            ],
      );
    }
    expect(files.totals.opens).toBe(164);
    expect(files.mostOpen).toBe(16);
    expect(files.openNow).toBe(0);
    // One look at each shard, one at the path that was asked for, one list of the folder for extra shards.
    expect(files.counts).toEqual({ stat: 164, list: 1 });
  });
});
