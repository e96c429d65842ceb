import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, test, vi } from "vitest";
import type { TensorDifference } from "../../../src/core/analysis/tensorDifference";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { PlainReading } from "../../../src/worker/numbers/plainReading";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { projectRoot } from "../../support/projectRoot";

const folder = mkdtempSync(join(tmpdir(), "assembled-compare-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

function open(path: string) {
  return CheckpointSession.open(nodeFiles, path, () => undefined);
}

/** The joined tensors in one file, with the first value of one of them changed. */
async function consolidated(from: CheckpointSession, changed: string): Promise<string> {
  const tensors = await from.withReader(async (reader) => {
    const read = [];
    for (const tensor of from.checkpoint.tensors) {
      const data = await reader.read(tensor);
      if (tensor.name === changed) new DataView(data.buffer, data.byteOffset).setFloat32(0, 100, true);
      read.push({ name: tensor.name, dtype: tensor.dtype, shape: [...tensor.shape], data });
    }
    return read;
  });
  const path = join(folder, "model.safetensors");
  const data = Buffer.concat(tensors.map((tensor) => tensor.data));
  writeFileSync(path, safetensorsFile({ tensors, data: new Uint8Array(data) }));
  return path;
}

test.each(["titan", "checkpoint-7", "ranks"])(
  "threads compare the joined tensors of %s with those of one file",
  async (name) => {
    const byOne = vi.spyOn(PlainReading.prototype, "compare");
    const joined = await open(join(projectRoot, "test/fixtures/dcp", name));
    const isCut = ({ dtype, assembly }: (typeof joined.checkpoint.tensors)[number]) =>
      dtype === "F32" && (assembly?.pieces.length ?? 0) > 1;
    const changed = joined.checkpoint.tensors.find(isCut)?.name ?? "";
    const whole = await open(await consolidated(joined, changed));
    const at = (session: CheckpointSession, tensor: string) =>
      session.checkpoint.tensors.findIndex((each) => each.name === tensor);
    const names = joined.checkpoint.tensors
      .filter(({ shape }) => !shape.includes(0))
      .map((each) => each.name);
    const pairs = names.map((tensor) => ({ a: at(joined, tensor), b: at(whole, tensor) }));
    const found = new Map<string, TensorDifference | undefined>();
    const outcome = await pool.compare(joined, whole, pairs, {
      onPair: (pair, difference) => void found.set(names[pair] ?? "", difference),
    });
    expect(outcome.unreadable).toEqual([]);
    expect([...found.keys()].sort()).toEqual([...names].sort());
    for (const [tensor, difference] of found) {
      const { elements = 0, changedShare = 0 } = difference ?? {};
      expect(Math.round(changedShare * elements), tensor).toBe(tensor === changed ? 1 : 0);
    }
    // Each byte of both sides once.
    expect(outcome.bytes).toBe(
      2 * joined.checkpoint.tensors.reduce((sum, { byteSize }) => sum + byteSize, 0),
    );
    expect(byOne).not.toHaveBeenCalled();
  },
);
