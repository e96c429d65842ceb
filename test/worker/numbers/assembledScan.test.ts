import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { projectRoot } from "../../support/projectRoot";

const fixtures = join(projectRoot, "test/fixtures/dcp");
const folder = mkdtempSync(join(tmpdir(), "assembled-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

interface ExpectedTensor {
  readonly sha256: string;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
}

const expected: Readonly<Record<string, Readonly<Record<string, ExpectedTensor>>>> = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

async function scan(path: string, withHashes: boolean) {
  const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const found = new Map<string, ExpectedTensor>();
  const outcome = await pool.scan(session, undefined, {
    withHashes,
    onTensor: (index, numbers, sha256 = "") => {
      const { min, max, mean } = numbers?.statistics ?? {};
      const numbersOf = { ...(min === undefined ? {} : { min, max, mean }) } as Partial<ExpectedTensor>;
      found.set(session.checkpoint.tensors[index]?.name ?? "", { sha256, ...numbersOf });
    },
  });
  return { session, found, outcome };
}

test.each(Object.keys(expected))("threads measure and hash the joined tensors of %s", async (name) => {
  for (const withHashes of [false, true]) {
    const { found, outcome } = await scan(join(fixtures, name), withHashes);
    expect(outcome.unreadable).toEqual([]);
    expect(outcome.changedFiles).toEqual([]);
    for (const [tensor, { sha256, min, max, mean }] of Object.entries(expected[name] ?? {})) {
      const own = found.get(tensor);
      if (withHashes) expect(own?.sha256, tensor).toBe(sha256);
      if (min === undefined || max === undefined || mean === undefined) continue;
      expect(own?.min, tensor).toBeCloseTo(min, 5);
      expect(own?.max, tensor).toBeCloseTo(max, 5);
      expect(own?.mean, tensor).toBeCloseTo(mean, 5);
    }
  }
});

test("a tensor with a part missing has no numbers and no hash", async () => {
  const copy = join(folder, "titan");
  cpSync(join(fixtures, "titan"), copy, { recursive: true });
  rmSync(join(copy, "__4_0.distcp"));
  const { found, outcome, session } = await scan(copy, true);
  const unreadable = outcome.unreadable.map(({ index }) => session.checkpoint.tensors[index]?.name);
  expect(unreadable).toContain("layers.0.wq.weight");
  for (const name of unreadable) expect(found.has(name ?? "")).toBe(false);
  expect(found.get("tok_embeddings.weight")?.sha256).toBe(expected.titan?.["tok_embeddings.weight"]?.sha256);
});

test("of a file that changes nothing is told", async () => {
  const copy = join(folder, "changed");
  cpSync(join(fixtures, "checkpoint-7/pytorch_model_fsdp_0"), copy, { recursive: true });
  const session = await CheckpointSession.open(nodeFiles, copy, () => undefined);
  const path = join(copy, "__1_0.distcp");
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from("more")]));
  const told: number[] = [];
  const outcome = await pool.scan(session, undefined, { onTensor: (index) => void told.push(index) });
  expect(outcome.changedFiles.map((index) => session.checkpoint.files[index]?.name)).toEqual([
    "__1_0.distcp",
  ]);
  const names = told.map((index) => session.checkpoint.tensors[index]?.name);
  // The other tensor has no part in that file: two rows over five ranks.
  expect(names).not.toContain("model.model.embed.weight");
});
