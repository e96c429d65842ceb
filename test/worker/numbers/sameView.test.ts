import { describe, expect, inject, it } from "vitest";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { latin1, text } from "../../core/formats/pickle/latin1";
import { floatBytes, floats, storage, tensorV2 } from "../../core/formats/torch/torchPickle";
import { zipFile } from "../../support/made/zipFile";
import { MemoryFiles } from "../../support/memoryFiles";

/** Files that count what is read of them. */
class CountedFiles extends MemoryFiles {
  reads = 0;

  override async open(path: string) {
    const source = await super.open(path);
    return {
      size: source.size,
      read: (offset: number, length: number, signal?: AbortSignal) => {
        this.reads++;
        return source.read(offset, length, signal);
      },
      close: () => source.close(),
    };
  }
}

function archiveOf(entries: readonly string[]): Uint8Array {
  const pickle = `\x80\x02}(${entries.map((tensor, at) => text(`t${at}`) + tensor).join("")}u.`;
  return zipFile([
    { name: "m/data.pkl", data: latin1(pickle) },
    { name: "m/data/0", data: floatBytes(1, 2, 3, 4), deflated: true },
    { name: "m/version", data: latin1("3\n") },
  ]);
}

async function scan(entries: readonly string[]) {
  const files = new CountedFiles({ "/m.pt": archiveOf(entries) });
  const source = { checkpoint: await openCheckpoint(files, "/m.pt"), files };
  const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });
  const found = new Map<number, TensorNumbers | undefined>();
  files.reads = 0;
  await pool.scan(source, undefined, { onTensor: (index, numbers) => found.set(index, numbers) });
  await pool.dispose();
  const means = [...found].sort(([a], [b]) => a - b).map(([, numbers]) => numbers?.statistics.mean);
  return { means, reads: files.reads };
}

describe("views of a compressed storage", () => {
  it("that are equal are read once, however many names they have", async () => {
    const one = await scan([floats("0", 4)]);
    const many = await scan(Array.from({ length: 500 }, () => floats("0", 4)));
    expect(one.means).toEqual([2.5]);
    expect(many.means).toEqual(Array.from({ length: 500 }, () => 2.5));
    expect(many.reads).toBe(one.reads);
  });

  it("that differ are each measured, and the storage is unpacked once", async () => {
    const view = (offset: number) => tensorV2(storage("torch.FloatStorage", "0", 4), [2], [1], offset);
    const one = await scan([view(0)]);
    const three = await scan([view(0), view(1), view(2)]);
    expect(three.means).toEqual([1.5, 2.5, 3.5]);
    expect(three.reads).toBe(one.reads);
  });
});
