import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, inject, it } from "vitest";
import { measureTensor } from "../../../src/core/analysis/measureTensor";
import { PlainKernels } from "../../../src/core/analysis/plainKernels";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import type { NumbersSource } from "../../../src/worker/numbers/longPass";
import { FileChangedError, NumbersPool } from "../../../src/worker/numbers/numbersPool";
import type { ScanOptions, ScanOutcome } from "../../../src/worker/numbers/scan";
import { type FileSpec, fileHead, safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

const folder = mkdtempSync(join(tmpdir(), "scan-"));
const pools = [1, 2].map((threads) => new NumbersPool({ threads, threadFile: inject("numbersThreadFile") }));
const pool = pools[1] as NumbersPool;

afterAll(async () => {
  await Promise.all(pools.map((each) => each.dispose()));
  rmSync(folder, { recursive: true });
});

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A file whose data are a hole, but for what is appended: it takes no disk, and is read all the same. */
function writeSparse(name: string, spec: FileSpec, dataBytes: number, end: Uint8Array): string {
  const head = fileHead({ ...spec, align: 8 });
  const path = write(name, head);
  truncateSync(path, head.length + dataBytes - end.length);
  appendFileSync(path, end);
  return path;
}

async function open(path: string): Promise<NumbersSource> {
  return { checkpoint: await openCheckpoint(nodeFiles, path), files: nodeFiles };
}

interface Found {
  readonly numbers: TensorNumbers | undefined;
  readonly sha256: string | undefined;
}

async function scan(source: NumbersSource, options: ScanOptions = {}, by = pool) {
  const found = new Map<string, Found>();
  const outcome: ScanOutcome = await by.scan(source, undefined, {
    ...options,
    onTensor: (index, numbers, sha256) => {
      options.onTensor?.(index, numbers, sha256);
      found.set((source.checkpoint.tensors[index] as Tensor).name, { numbers, sha256 });
    },
  });
  return { found, outcome };
}

const twoTensors = {
  tensors: [
    { name: "a", dtype: "F32", shape: [2] },
    { name: "b", dtype: "F32", shape: [2] },
  ],
  data: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
};

const torchFixtures = join(import.meta.dirname, "../../fixtures/torch");
const torchFiles = readdirSync(torchFixtures).filter((name) => /\.(pt|pth|bin)$/.test(name));

describe("a scan", () => {
  it.each(torchFiles)("tells of %s what reading its tensors one by one does", async (name) => {
    const session = await CheckpointSession.open(nodeFiles, join(torchFixtures, name), () => undefined);
    const plain = await scan(session, {}, pools[0]);
    const hashed = await scan(session, { withHashes: true });
    const kernels = new PlainKernels();
    const reader = session.tensorReader();
    for (const tensor of session.checkpoint.tensors) {
      const hash = createHash("sha256");
      let numbers: TensorNumbers | undefined;
      try {
        const read = (part: Tensor, offset: number, length: number) => reader.readRange(part, offset, length);
        numbers = await measureTensor(tensor, read, kernels, { onBytes: (bytes) => void hash.update(bytes) });
      } catch {
        expect(plain.found.has(tensor.name)).toBe(false);
        continue;
      }
      expectSame(plain.found.get(tensor.name)?.numbers, numbers);
      expectSame(hashed.found.get(tensor.name)?.numbers, numbers);
      expect(hashed.found.get(tensor.name)?.sha256).toBe(hash.digest("hex"));
    }
    await reader.close();
  });

  it("reads bytes once that tensors share, as views and as tied weights do", async () => {
    const spec = {
      header: JSON.stringify({
        whole: { dtype: "F32", shape: [4], data_offsets: [0, 16] },
      }),
      data: new Uint8Array(Float32Array.of(1, 2, 3, 5).buffer),
    };
    const source = await open(write("shared.safetensors", safetensorsFile(spec)));
    const [whole] = source.checkpoint.tensors as [Tensor];
    const part = { ...whole, name: "part", shape: [2], byteSize: 8, offset: whole.offset + 8 };
    const tied = { ...whole, name: "tied" };
    const checkpoint = { ...source.checkpoint, tensors: [whole, part, tied] };
    const { found, outcome } = await scan({ ...source, checkpoint });
    expect(outcome).toMatchObject({ measured: 3, bytes: 16 });
    expect(found.get("whole")?.numbers?.statistics).toMatchObject({ min: 1, max: 5, mean: 2.75 });
    expect(found.get("tied")).toEqual(found.get("whole"));
    expect(found.get("part")?.numbers?.statistics).toMatchObject({ min: 3, max: 5, mean: 4, std: 1 });
  });

  it("cuts a large tensor into pieces, and finds the same with any number of threads", async () => {
    const bytes = 72 * 2 ** 20 + 4;
    const tensors = [{ name: "w", dtype: "F32", shape: [bytes / 4] }];
    const end = new Uint8Array(Float32Array.from({ length: 1000 }, (_, at) => Math.sin(at)).buffer);
    const path = writeSparse("large.safetensors", { tensors }, bytes, end);
    const found = await Promise.all(
      pools.map(async (each) => (await scan(await open(path), {}, each)).found.get("w")),
    );
    expect(found[0]).toEqual(found[1]);
    expect(found[0]?.numbers?.statistics).toMatchObject({ zeros: bytes / 4 - 999, nan: 0 });
  });

  it("says which files changed while they were read", async () => {
    const path = write("changing.safetensors", safetensorsFile(twoTensors));
    const source = await open(path);
    const { outcome } = await scan(source, { onTensor: () => utimesSync(path, 1, 1) });
    expect(outcome).toMatchObject({ measured: 2, changedFiles: [0] });
    // Nothing of it is kept.
    const { outcome: again } = await scan(source);
    expect(again.changedFiles).toEqual([]);
  });

  it("measures nothing in a file that has another size than when it was opened", async () => {
    const path = write("grown.safetensors", safetensorsFile(twoTensors));
    const source = await open(path);
    appendFileSync(path, "more");
    const { outcome } = await scan(source);
    expect(outcome).toMatchObject({ measured: 0, changedFiles: [0] });
    const [tensor] = source.checkpoint.tensors as [Tensor];
    await expect(pool.measure(source, tensor)).rejects.toThrow(FileChangedError);
  });

  it("goes on after a tensor whose bytes are missing", async () => {
    const path = write("cut.safetensors", safetensorsFile(twoTensors).subarray(0, -4));
    const { found, outcome } = await scan(await open(path));
    expect([...found.keys()]).toEqual(["a"]);
    expect(outcome.unreadable).toEqual([{ index: 1, reason: expect.stringContaining("ended at byte") }]);
  });

  it("keeps what it found for as long as the file is the same", async () => {
    const path = write("kept.safetensors", safetensorsFile(twoTensors));
    utimesSync(path, 1000, 1000);
    const source = await open(path);
    const [tensor] = source.checkpoint.tensors as [Tensor];
    const largest = async () => (await pool.measure(source, tensor))?.statistics.max;
    expect(await largest()).toBe(2);
    // Nobody writes so that nothing shows; here it shows that the file was not read again.
    writeFileSync(path, safetensorsFile({ ...twoTensors, data: new Uint8Array(16) }));
    utimesSync(path, 1000, 1000);
    expect(await largest()).toBe(2);
    utimesSync(path, 2000, 2000);
    expect(await largest()).toBe(0);
  });

  it("measures files that are not on this machine's disk", async () => {
    const files = new MemoryFiles({ "/m/model.safetensors": safetensorsFile(twoTensors) });
    const source = { checkpoint: await openCheckpoint(files, "/m/model.safetensors"), files };
    const { found } = await scan(source, { withHashes: true });
    expect(found.get("b")?.numbers?.statistics).toMatchObject({ min: 3, max: 4 });
    expect(found.get("b")?.sha256).toBe(
      createHash("sha256").update(twoTensors.data.subarray(8)).digest("hex"),
    );
  });

  it("stops when it is cancelled, and can be asked again", async () => {
    const bytes = 4 * 2 ** 30;
    const tensors = [{ name: "w", dtype: "BF16", shape: [bytes / 2] }];
    const source = await open(writeSparse("endless.safetensors", { tensors }, bytes, new Uint8Array(2)));
    const abort = new AbortController();
    const told: number[] = [];
    const onBytes = (done: number) => {
      told.push(done);
      abort.abort();
    };
    await expect(pool.scan(source, undefined, { signal: abort.signal, onBytes })).rejects.toThrow(/abort/i);
    expect(told[0]).toBeLessThan(bytes);
    const small = await open(write("after.safetensors", safetensorsFile(twoTensors)));
    expect((await scan(small)).outcome.measured).toBe(2);
  });

  it("rejects what runs when the pool is disposed", async () => {
    const own = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });
    const source = await open(join(folder, "endless.safetensors"));
    const running = own.scan(source, undefined);
    const settled = expect(running).rejects.toThrow("shut down");
    await own.dispose();
    await settled;
  });
});

describe.runIf(process.platform === "linux")("pools that come and go", () => {
  it("leave no file and no thread open", async () => {
    const source = await open(write("soak.safetensors", safetensorsFile(twoTensors)));
    const cycle = async () => {
      const own = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
      await scan(source, { withHashes: true }, own);
      await own.dispose();
    };
    await cycle();
    const before = [openFiles(), threads()];
    for (let round = 0; round < 10; round++) await cycle();
    expect([openFiles(), threads()]).toEqual(before);
  });
});

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

function threads(): number {
  return Number(/^Threads:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

/** Rounding depends on where a tensor is cut, and on the kernels. */
function expectSame(found: TensorNumbers | undefined, wanted: TensorNumbers | undefined): void {
  if (found === undefined || wanted === undefined) {
    expect(found).toEqual(wanted);
    return;
  }
  const { mean, std, l2, ...exact } = wanted.statistics;
  expect(found).toMatchObject({ ...wanted, statistics: exact });
  for (const [key, value] of Object.entries({ mean, std, l2 })) {
    const actual = found.statistics[key as "mean"];
    const isClose = Math.abs(actual - value) <= 1e-12 * wanted.statistics.absMax;
    expect(isClose || Object.is(actual, value)).toBe(true);
  }
}
