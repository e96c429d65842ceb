import { describe, expect, it } from "vitest";
import { type ByteSource, checkRange, MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CountingSource } from "../../../support/countingSource";
import { text } from "../pickle/latin1";
import { byName, fixture } from "./torchFixtures";
import { storage, tensorV2, torchArchive } from "./torchPickle";

/** A huge archive of which only what must be read exists: zeros stand for the storages. */
class SparseSource implements ByteSource {
  readonly size: number;

  /** `hole` bytes of zeros are put in at `at`. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly at: number,
    private readonly hole: number,
  ) {
    this.size = bytes.length + hole;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const result = new Uint8Array(length);
    for (let index = 0; index < length; index++) {
      const place = offset + index;
      if (place < this.at) result[index] = this.bytes[place] as number;
      else if (place >= this.at + this.hole) result[index] = this.bytes[place - this.hole] as number;
    }
    return result;
  }
}

/** An archive whose last storage has `hole` bytes more than the archive in memory. */
function hugeArchive(tensors: number, hole: number): SparseSource {
  const one = (at: number) =>
    text(`layers.${at}.weight`) + tensorV2(storage("torch.FloatStorage", String(at), 4), [4], [1]);
  const big = text("big") + tensorV2(storage("torch.FloatStorage", "big", hole / 4), [hole / 4], [1]);
  const small = Array.from({ length: tensors }, (_, at) => one(at)).join("");
  const storages = Object.fromEntries(
    Array.from({ length: tensors }, (_, at) => [`${at}`, new Uint8Array(16)]),
  );
  const zip = torchArchive(`}(${small}${big}u`, { ...storages, big: new Uint8Array(0) });
  const buffer = Buffer.from(zip);
  const view = new DataView(zip.buffer);
  // The hole comes before the version, which is the last member; the directory moves behind it.
  const at = buffer.lastIndexOf("PK\x03\x04", zip.length, "latin1");
  const bigEntry = buffer.indexOf("m/data/big", buffer.indexOf("PK\x01\x02", 0, "latin1"), "latin1") - 46;
  view.setUint32(bigEntry + 20, hole, true);
  view.setUint32(bigEntry + 24, hole, true);
  const version = buffer.lastIndexOf("PK\x01\x02", zip.length, "latin1");
  view.setUint32(version + 42, view.getUint32(version + 42, true) + hole, true);
  const end = buffer.lastIndexOf("PK\x05\x06", zip.length, "latin1");
  view.setUint32(end + 16, view.getUint32(end + 16, true) + hole, true);
  return new SparseSource(zip, at, hole);
}

async function cost(source: ByteSource, name = "model.pt") {
  const counting = new CountingSource(source);
  const parsed = await readCheckpointFile(counting, name, name);
  return { parsed, reads: counting.reads.length, bytes: counting.bytesRead };
}

describe("what opening a torch file costs", () => {
  it("is the end, the directory and the pickle of an archive of 1.3 GB", async () => {
    const source = hugeArchive(300, 1_300_000_000);
    const { parsed, reads, bytes } = await cost(source);
    expect(parsed.problems).toEqual([]);
    expect(parsed.tensors).toHaveLength(301);
    expect(byName(parsed).get("big")?.byteSize).toBe(1_300_000_000);
    expect(bytes).toBeLessThan(1_000_000);
    // The head, the end, and the pickle where it is longer than the head.
    expect(reads).toBeLessThanOrEqual(3);
  });

  it("is two reads more where the directory is longer than the end, and the version before it", async () => {
    const { parsed, reads, bytes } = await cost(hugeArchive(5000, 400_000_000));
    expect(parsed.tensors).toHaveLength(5001);
    expect(reads).toBeLessThanOrEqual(5);
    expect(bytes).toBeLessThan(2_500_000);
  });

  it("is one read for a small file of each kind", async () => {
    for (const name of ["dtypes.pt", "training.pt", "scripted.pt"]) {
      expect([name, (await cost(new MemoryByteSource(fixture(name)), name)).reads]).toEqual([name, 1]);
    }
  });

  it("is a window for each pickle of a legacy file, however long its storages are", async () => {
    const bytes = fixture("module-legacy.pt");
    const { parsed, bytes: read } = await cost(new SparseSource(bytes, bytes.length, 500_000_000), "m.pt");
    expect(parsed.tensors.length).toBeGreaterThan(3);
    expect(read).toBeLessThan(700_000);
  });

  it("of a bad number of tensors is refused before it is paid", async () => {
    const pickle = tensorV2(storage("torch.FloatStorage", "0", 2 ** 31 - 1), [2 ** 31 - 1], [1]);
    const { parsed, bytes } = await cost(
      new MemoryByteSource(torchArchive(pickle, { 0: new Uint8Array(4) })),
    );
    expect(parsed.tensors[0]?.layout?.storage.absent).toContain("4 bytes");
    expect(bytes).toBeLessThan(10_000);
  });
});
