import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../../src/core/checkpoint/tensorReader";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { unreadablePart } from "../../../../src/core/tensors/assembly";
import {
  allExpected,
  expectedFolders,
  joinedFixture,
  readTensors,
} from "../../../support/made/joinedFolders";
import { MemoryFiles } from "../../../support/memoryFiles";
import { dict, floats, int, torchArchive } from "../torch/torchPickle";

const deepSpeed = Object.entries(expectedFolders).filter(([, { kind }]) => kind.startsWith("deepspeed"));

describe("a checkpoint of DeepSpeed", () => {
  test.each(deepSpeed)("%s holds whole tensors, joined in place", async (name, expected) => {
    const { checkpoint, hashes } = await readTensors(joinedFixture(name), `/run/${name}`);
    const told = new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
    for (const { name: tensor, dtype, shape, sha256, aliasOf } of allExpected(expected)) {
      expect(told.get(tensor), tensor).toMatchObject({ dtype, shape });
      expect(hashes.get(tensor), tensor).toBe(sha256);
      if (aliasOf !== undefined) expect(checkpoint.aliases.get(tensor)).toBe(aliasOf);
    }
    expect(checkpoint.problems.filter(({ severity }) => severity !== "info")).toEqual([]);
    if (expected.worldSize !== undefined) expect(checkpoint.layout?.worldSize).toBe(expected.worldSize);
  });

  test.each(deepSpeed.filter(([, { optimizer }]) => optimizer !== undefined))(
    "%s has its moments by the names of parameters, its step, and each parameter counted once",
    async (name, { optimizer = {}, step, tensors }) => {
      const session = await CheckpointSession.open(joinedFixture(name), `/run/${name}`, () => undefined);
      const [view] = session.inside?.optimizers ?? [];
      expect(view?.parameters.map((parameter) => parameter.name).sort()).toEqual(
        Object.keys(optimizer).sort(),
      );
      const summary = session.summary();
      expect(summary.progress?.step).toBe(step);
      // A buffer is no parameter, and an alias or a copy in another dtype is none of its own.
      const own = tensors.filter(
        ({ name: tensor, aliasOf }) => !/^module\.|inv_freq$/.test(tensor) && aliasOf === undefined,
      );
      const count = own.reduce(
        (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
        0,
      );
      expect(summary.parameterCount).toBe(count);
    },
  );
});

describe("a rank that is missing", () => {
  const rank = "/run/zero2_roundrobin/global_step30/zero_pp_rank_1_mp_rank_00_optim_states.pt";

  test("leaves whole what other ranks hold, and says what it costs", async () => {
    const files = joinedFixture("zero2_roundrobin");
    files.remove(rank);
    const { checkpoint, hashes } = await readTensors(files, "/run/zero2_roundrobin");
    const expected = allExpected(expectedFolders.zero2_roundrobin as (typeof deepSpeed)[0][1]);
    const whole = expected.filter(({ name }) => hashes.get(name) !== undefined);
    for (const { name, sha256 } of whole) expect(hashes.get(name)).toBe(sha256);
    // Each rank has 60 of the 180 values of the first group: model.embed.weight has 66, and 36 follow it.
    expect(hashes.get("model.norm.weight")).toBeDefined();
    expect(hashes.get("model.embed.weight")).toBeUndefined();
    const lacking = checkpoint.tensors.find(({ name }) => name === "model.embed.weight");
    expect(lacking && unreadablePart(lacking)).toMatch(/row 10: the file of rank 1 is missing/);
    const [problem] = checkpoint.problems.filter(({ severity }) => severity === "error");
    expect(problem).toMatchObject({ code: "MissingRank" });
    expect(problem?.message).toMatch(
      /rank 1 of 3 .* 2 of 6 parameters can be read whole, 3 in part .* 1 not at all/,
    );
    expect(checkpoint.files.filter(({ status }) => status === "missing")).toHaveLength(1);
  });

  test("costs nothing of Muon's momentum that another rank keeps as well", async () => {
    const files = joinedFixture("zero2_muon");
    files.remove("/run/zero2_muon/global_step30/zero_pp_rank_0_mp_rank_00_optim_states.pt");
    const { hashes } = await readTensors(files, "/run/zero2_muon");
    const { optimizer } = expectedFolders.zero2_muon as (typeof deepSpeed)[0][1];
    // 28 values a rank: a.weight has 35, so that its momentum is with the first two.
    expect(hashes.get("a.weight")).toBeUndefined();
    expect(hashes.get("optimizer.state.a.weight.momentum_buffer")).toBe(
      optimizer?.["a.weight"]?.momentum_buffer?.sha256,
    );
  });

  test("rows of other ranks of ZeRO-3 are still read", async () => {
    const files = joinedFixture("zero3");
    files.remove("/run/zero3/global_step30/bf16_zero_pp_rank_2_mp_rank_00_optim_states.pt");
    const checkpoint = await openCheckpoint(files, "/run/zero3");
    const tensor = checkpoint.tensors.find(({ name }) => name === "model.embed.weight");
    if (tensor === undefined) throw new Error("It is not listed.");
    const reader = new TensorReader(files, checkpoint);
    // 66 values over three ranks: the first two hold 44.
    expect((await reader.readRange(tensor, 0, 44 * 4)).length).toBe(44 * 4);
    await expect(reader.readRange(tensor, 43 * 4, 8)).rejects.toThrow(
      /elements 44 to 65 \(of rows 7 to 10\): the file of rank 2 is missing/,
    );
  });

  test("the 16-bit weights stay where ZeRO-2 keeps them whole", async () => {
    const files = joinedFixture("zero2_roundrobin");
    for (const number of [0, 1, 2]) files.remove(rank.replace("rank_1_mp", `rank_${number}_mp`));
    const { checkpoint, hashes } = await readTensors(files, "/run/zero2_roundrobin");
    expect(checkpoint.tensors.find(({ name }) => name === "model.embed.weight")?.dtype).toBe("F16");
    expect(hashes.get("model.embed.weight")).toBeDefined();
  });
});

test("a tensor-parallel rank that is missing leaves the slices of the others, and names what cannot be joined", async () => {
  const files = joinedFixture("zero1_tensor2");
  const folder = "/run/zero1_tensor2/global_step30";
  for (const { name } of await files.list(folder))
    if (name.includes("mp_rank_01")) files.remove(`${folder}/${name}`);
  const { checkpoint, hashes } = await readTensors(files, folder);
  expect(checkpoint.problems).toContainEqual(
    expect.objectContaining({ code: "MissingModelStates", severity: "error" }),
  );
  const lacking = checkpoint.tensors.find(({ name }) => name === "layers.0.proj.weight");
  expect(lacking).toMatchObject({ shape: [6, 8] });
  expect(lacking && unreadablePart(lacking)).toBe("[0:6, 4:8]: part 1 of the model is missing.");
  expect(hashes.get("layers.0.norm.weight")).toBeDefined();
  // Widths are told for two ranks: of the one that is missing as well.
  expect(checkpoint.tensors.find(({ name }) => name === "layers.0.qkv.weight")?.shape).toEqual([13, 6]);
});

test("the first tensor-parallel rank is missing also where no file counts them", async () => {
  const state = dict({ module: dict({ "model.norm.weight": floats("0", 2) }), iteration: int(20) });
  const part = torchArchive(state, { 0: new Uint8Array(8) });
  const files = new MemoryFiles({ "/run/20/mp_rank_01_model_states.pt": part });
  const { checkpoint } = await readTensors(files, "/run/20");
  expect(checkpoint.problems).toContainEqual(expect.objectContaining({ code: "MissingModelStates" }));
});

describe("the folder that a save is in", () => {
  test("`latest` that names an older save, or none", async () => {
    const files = joinedFixture("zero3_single");
    files.write("/run/zero3_single/global_step40/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", "");
    const older = await openCheckpoint(files, "/run/zero3_single");
    expect(older.problems).toMatchObject([{ severity: "warning", code: "TagMismatch" }]);
    files.write("/run/zero3_single/latest", "global_step99");
    const absent = await openCheckpoint(files, "/run/zero3_single");
    expect(absent.problems).toContainEqual(
      expect.objectContaining({ severity: "error", code: "TagMismatch" }),
    );
  });

  test("no `latest`, by which DeepSpeed finds what to resume from", async () => {
    const files = joinedFixture("zero3_single");
    files.remove("/run/zero3_single/latest");
    const { problems } = await openCheckpoint(files, "/run/zero3_single");
    expect(problems).toMatchObject([{ severity: "warning", code: "TagMissing" }]);
  });

  test("`latest` never leads out of the folder", async () => {
    const files = joinedFixture("zero3_single");
    files.write("/run/zero3_single/latest", "../zero3");
    const { files: opened, problems } = await openCheckpoint(files, "/run/zero3_single");
    expect(opened[0]?.path).toMatch(/^\/run\/zero3_single\/global_step30\//);
    expect(problems).toMatchObject([{ severity: "error", code: "TagMismatch" }]);
  });

  test("files of ranks beyond the partitions are named and not joined", async () => {
    const files = joinedFixture("zero2_lean");
    const folder = "/run/zero2_lean/global_step30";
    const name = (rank: number) => `${folder}/zero_pp_rank_${rank}_mp_rank_00_optim_states.pt`;
    const stale = await files.open(name(0));
    files.write(name(5), await stale.read(0, stale.size));
    const { checkpoint, hashes } = await readTensors(files, folder);
    expect(checkpoint.problems).toMatchObject([{ severity: "warning", code: "ExtraRanks" }]);
    for (const { name: tensor, sha256 } of allExpected(
      expectedFolders.zero2_lean as (typeof deepSpeed)[0][1],
    ))
      expect(hashes.get(tensor)).toBe(sha256);
  });
});

test("a file of a universal checkpoint that other parameters have is missing", async () => {
  const files = joinedFixture("universal");
  files.remove("/run/universal/global_step30_universal/zero/a.weight/exp_avg.pt");
  const { problems } = await openCheckpoint(files, "/run/universal");
  expect(problems).toMatchObject([{ severity: "error", code: "MissingMoment", tensor: "a.weight" }]);
});

test("where ZeRO is off, the optimizer's state is found beside the weights", async () => {
  const session = await CheckpointSession.open(joinedFixture("zero0"), "/run/zero0", () => undefined);
  expect(session.inside?.optimizers[0]?.parameters).toHaveLength(3);
});

test("opening reads the directory and the pickle of each rank's file, and no values", async () => {
  const files = joinedFixture("zero3");
  await openCheckpoint(files, "/run/zero3/global_step30");
  expect(files.counts.open).toBe(6);
  expect(new Set(files.opened).size).toBe(6);
  // Of each file the head, the end with the directory, and the pickle; its budget in bytes is readBudget.test.ts'.
  expect(files.counts.read).toBeLessThanOrEqual(3 * 6);
  expect(files.counts.list).toBeLessThanOrEqual(2);
});
