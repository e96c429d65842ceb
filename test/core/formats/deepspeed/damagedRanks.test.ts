import { expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { mutate, Random } from "../../../fuzz/mutate";
import {
  allExpected,
  expectedFolders,
  joinedFixture,
  readTensors,
} from "../../../support/made/joinedFolders";

const attempts = 25;

/** What a folder holds of one rank, damaged in many ways: refused or told, and never taken for something else. */
test.each([
  ["zero3", "zero3/global_step30/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"],
  ["zero2_roundrobin", "zero2_roundrobin/global_step30/mp_rank_00_model_states.pt"],
  ["megatron_tp2_pp2", "megatron_tp2_pp2/iter_0000100/mp_rank_01_000/model_optim_rng.pt"],
])("%s with a damaged file", async (name, path) => {
  const random = new Random(7);
  const whole = joinedFixture(name);
  const source = await whole.open(`/run/${path}`);
  const bytes = await source.read(0, source.size);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const files = joinedFixture(name);
    files.write(`/run/${path}`, mutate(bytes, bytes, random));
    const opened = await openCheckpoint(files, `/run/${name}`).catch((error: unknown) => error);
    if (opened instanceof Error) expect(opened).toBeInstanceOf(CheckpointError);
  }
});

test("a rank's file that is cut to nothing is as one that is missing", async () => {
  const files = joinedFixture("zero3");
  files.write("/run/zero3/global_step30/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt", new Uint8Array());
  const { checkpoint, hashes } = await readTensors(files, "/run/zero3");
  expect(checkpoint.problems.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["EmptyFile", "MissingRank"]),
  );
  for (const { name, sha256 } of expectedFolders.zero3 === undefined
    ? []
    : allExpected(expectedFolders.zero3)) {
    const hash = hashes.get(name);
    if (hash !== undefined) expect(hash, name).toBe(sha256);
  }
});

test("a rank's file of a save with another number of processes is not joined", async () => {
  const files = joinedFixture("zero3");
  const other = joinedFixture("zero3_single");
  const source = await other.open(
    "/run/zero3_single/global_step30/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
  );
  files.write(
    "/run/zero3/global_step30/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt",
    await source.read(0, source.size),
  );
  const { checkpoint, hashes } = await readTensors(files, "/run/zero3");
  expect(hashes.get("model.embed.weight")).toBeUndefined();
  expect(checkpoint.problems).toMatchObject([{ severity: "error", code: "MissingRank" }]);
});

test("a folder of Megatron's with a number that no training has is left out, and said", async () => {
  const files = joinedFixture("megatron_tp2_pp2");
  const inside = "/run/megatron_tp2_pp2/iter_0000100";
  const source = await files.open(`${inside}/mp_rank_01_001/model_optim_rng.pt`);
  files.write(`${inside}/mp_rank_4095_001/model_optim_rng.pt`, await source.read(0, source.size));
  const { tensors, files: listed, problems } = await openCheckpoint(files, "/run/megatron_tp2_pp2");
  expect(problems).toContainEqual(expect.objectContaining({ code: "ExtraRanks", severity: "warning" }));
  expect(listed.length).toBeLessThan(10);
  const whole = await openCheckpoint(joinedFixture("megatron_tp2_pp2"), "/run/megatron_tp2_pp2");
  expect(tensors.map(({ name, shape }) => [name, shape])).toEqual(
    whole.tensors.map(({ name, shape }) => [name, shape]),
  );
});
