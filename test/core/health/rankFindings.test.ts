import { expect, test } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../src/core/checkpoint/tensorReader";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { expectedFolders, joinedFixture } from "../../support/made/joinedFolders";
import type { MemoryFiles } from "../../support/memoryFiles";

async function healthCodes(files: MemoryFiles, path: string) {
  const session = await CheckpointSession.open(files, path, () => undefined);
  return (await session.health()).filter(({ severity }) => severity !== "info");
}

/** Writes a file again with some bytes of it, wherever they stand, replaced by others. */
async function replaceBytes(files: MemoryFiles, path: string, from: Uint8Array, to: Uint8Array) {
  const source = await files.open(path);
  const bytes = Buffer.from(await source.read(0, source.size));
  expect(bytes.indexOf(from), path).toBeGreaterThan(-1);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.set(to, at);
  files.write(path, bytes);
}

function float32(value: number): Uint8Array {
  return new Uint8Array(new Float32Array([value]).buffer);
}

test("ranks that count other steps are of different moments", async () => {
  const files = joinedFixture("zero3");
  const folder = "/run/zero3/global_step30";
  await replaceBytes(
    files,
    `${folder}/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt`,
    float32(30),
    float32(20),
  );
  const [problem, ...others] = await healthCodes(files, folder);
  expect(others).toEqual([]);
  expect(problem).toMatchObject({ severity: "error", code: "MixedSteps" });
  expect(problem?.message).toMatch(
    /the optimizer's step is 30 in bf16_zero_pp_rank_0\S+ and 1 other file, 20 in bf16_zero_pp_rank_1/,
  );
  const session = await CheckpointSession.open(files, folder, () => undefined);
  expect((await session.resume()).checks).toContainEqual({
    what: "Steps agree",
    verdict: "error",
    reason: problem?.message,
  });
});

test("weights that are not their masters rounded", async () => {
  const files = joinedFixture("zero2_roundrobin");
  const folder = "/run/zero2_roundrobin/global_step30";
  const checkpoint = await openCheckpoint(files, folder);
  const copy = checkpoint.tensors.find(({ name }) => name === "module.model.embed.weight");
  if (copy === undefined) throw new Error("There is none.");
  const reader = new TensorReader(files, checkpoint);
  const bytes = await reader.read(copy);
  await reader.close();
  await replaceBytes(files, `${folder}/mp_rank_00_model_states.pt`, bytes, new Uint8Array(bytes.length));
  const [problem, ...others] = await healthCodes(files, folder);
  expect(others).toEqual([]);
  expect(problem).toMatchObject({ severity: "warning", code: "MasterMismatch" });
  expect(problem?.message).toMatch(/66 of 66 values differ .* 2 of 7 tensors that were looked at/);
});

test.each(Object.keys(expectedFolders))("%s is of one moment", async (name) => {
  const codes = (await healthCodes(joinedFixture(name), `/run/${name}`)).map(({ code }) => code);
  expect(codes).toEqual([]);
});
