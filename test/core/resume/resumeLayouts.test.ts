import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OpenedFiles } from "../../../src/core/checkpoint/openedFiles";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { fixture } from "../formats/torch/torchFixtures";
import { dict, torchArchive } from "../formats/torch/torchPickle";
import { checkOf, folderInMemory, resumeOf, trainingFixtures, verdicts } from "./resumeFiles";

const zeroShard = "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt";

function inMemory(name: string): MemoryFiles {
  return folderInMemory(join(trainingFixtures, name), `/${name}`);
}

describe("DeepSpeed", () => {
  test("reads the directory of each rank's file once, whoever asks for it", async () => {
    const files = inMemory("deepspeed");
    const opened = new OpenedFiles(files);
    await opened.open("/deepspeed");
    const after = { ...files.counts };
    const names = (await files.list("/deepspeed/global_step10")).map(({ name }) => name);
    expect(names).toHaveLength(3);
    for (const name of names) await opened.open(`/deepspeed/global_step10/${name}`);
    expect(files.counts.open).toBe(after.open);
    expect(files.counts.bytesRead).toBe(after.bytesRead);
    // By them threads tell whether they may read the files themselves.
    expect(opened.files).toBe(files);
  });

  test("all shards, their partitions and the steps of the model states", async () => {
    const report = await resumeOf(
      inMemory("deepspeed"),
      "/deepspeed/global_step10/mp_rank_00_model_states.pt",
    );
    expect(report.answer).toBe("partly");
    expect(verdicts(report)).toMatchObject({
      Parameters: "ok",
      "Optimizer state": "ok",
      "Optimizer fits the parameters": "ok",
      Schedule: "ok",
      "Random state": "missing",
      "Steps agree": "ok",
    });
    expect(checkOf(report, "Optimizer state")?.reason).toMatch(/All 2 shards .* 2 processes/);
    // 20 + 12 + 3 values in three parameters, padded to a multiple of 4.
    expect(checkOf(report, "Optimizer fits the parameters")?.reason).toMatch(
      /hold 36 values, 3 parameters of the model 35/,
    );
  });

  test("the folder with `latest` says the same, and a missing shard is named", async () => {
    const files = inMemory("deepspeed");
    files.write("/deepspeed/trainer_state.json", '{"global_step": 10, "epoch": 1, "log_history": []}');
    const whole = await resumeOf(files, "/deepspeed");
    expect(checkOf(whole, "Optimizer state")?.verdict).toBe("ok");
    files.remove(`/deepspeed/global_step10/${zeroShard}`);
    const lacking = await resumeOf(files, "/deepspeed");
    expect(lacking.answer).toBe("no");
    expect(lacking.sentence).toMatch(/1 of 2 shards, without those of rank 1/);
  });

  test.each<[string, (files: MemoryFiles, folder: string) => Promise<void> | void, RegExp]>([
    [
      "without any optimizer state, where the weights of ZeRO-3 are",
      (files, folder) => {
        for (const rank of [0, 1, 2])
          files.remove(`${folder}/bf16_zero_pp_rank_${rank}_mp_rank_00_optim_states.pt`);
      },
      /holds no …optim_states\.pt, and under ZeRO-3 the weights are in them/,
    ],
    [
      "with a shard under the name of another dtype",
      async (files, folder) => {
        const shard = `${folder}/${zeroShard}`;
        const source = await files.open(shard);
        files.write(shard.replace("bf16_", ""), await source.read(0, source.size));
        files.remove(shard);
      },
      /Shards of two saves lie together: .*bf16_zero_pp_rank_0\S+ and zero_pp_rank_1/,
    ],
  ])("%s: resuming and health say so", async (_, change, reason) => {
    const files = folderInMemory(join(projectRoot, "test", "fixtures", "deepspeed", "zero3"), "/z");
    const health = async () => {
      const session = await CheckpointSession.open(files, "/z", () => undefined);
      const problems = await session.health();
      return problems.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
    };
    expect(await health()).toEqual([]);
    await change(files, "/z/global_step30");
    const report = await resumeOf(files, "/z");
    expect(report.answer).toBe("no");
    expect(report.checks.map((check) => check.reason).join(" ")).toMatch(reason);
    expect((await health()).join(" ")).toMatch(reason);
  });

  test("a universal checkpoint, whose `latest` names the save that it was made from", async () => {
    const files = new MemoryFiles();
    const folder = "/u/global_step10_universal";
    files.write("/u/latest", "global_step10");
    files.write("/u/latest_universal", "global_step10_universal");
    files.write("/u/trainer_state.json", '{"global_step": 10, "epoch": 1, "log_history": []}');
    files.write(`${folder}/mp_rank_00_model_states.pt`, "");
    for (const name of ["model.norm.weight", "model.up.weight"])
      for (const part of ["fp32", "exp_avg", "exp_avg_sq"])
        files.write(`${folder}/zero/${name}/${part}.pt`, "");
    const whole = await resumeOf(files, "/u");
    expect(whole.answer).not.toBe("no");
    expect(checkOf(whole, "Parameters")).toMatchObject({
      verdict: "ok",
      reason: expect.stringMatching(/^2 parameters in global_step10_universal, .*load_universal/),
    });
    expect(checkOf(whole, "Optimizer state")?.verdict).toBe("ok");
    files.remove(`${folder}/zero/model.up.weight/exp_avg.pt`);
    files.remove(`${folder}/zero/model.norm.weight/fp32.pt`);
    const cut = await resumeOf(files, "/u");
    expect(checkOf(cut, "Parameters")?.reason).toContain("model.norm.weight");
    expect(checkOf(cut, "Optimizer state")?.verdict).toBe("missing");
  });

  test("`latest` names a folder that is not there, and never one outside", async () => {
    const files = inMemory("deepspeed");
    files.write("/deepspeed/trainer_state.json", "{}");
    files.write("/deepspeed/latest", "global_step20\n");
    expect((await resumeOf(files, "/deepspeed")).sentence).toMatch(/^No: `latest` says global_step20/);
    files.write("/deepspeed/latest", "../../etc");
    expect(checkOf(await resumeOf(files, "/deepspeed"), "Optimizer state")?.verdict).toBe("ok");
  });
});

test("Megatron: one rank of two, and the whole", async () => {
  const files = inMemory("megatron");
  const rank = "/megatron/iter_0000100/mp_rank_00";
  const one = await resumeOf(files, `${rank}/model_optim_rng.pt`);
  expect(one).toMatchObject({ answer: "unknown", sentence: expect.stringMatching(/one of 2 ranks/) });
  const all = await resumeOf(files, "/megatron/iter_0000100");
  expect(all).toMatchObject({ answer: "yes", sentence: expect.stringMatching(/^Yes from step 100/) });
  files.remove("/megatron/iter_0000100/mp_rank_01/model_optim_rng.pt");
  expect((await resumeOf(files, "/megatron/iter_0000100")).sentence).toMatch(
    /mp_rank_01\/model_optim_rng\.pt is missing/,
  );
});

test("torchtune: the weights and the recipe's state lie in folders of their own", async () => {
  const files = inMemory("torchtune");
  const weights = await resumeOf(files, "/torchtune/epoch_0/adapter_0.pt");
  expect(verdicts(weights)).toMatchObject({
    Parameters: "ok",
    "Optimizer state": "ok",
    "Random state": "missing",
  });
  // The Overview says so too, which knows the names alone.
  const session = await CheckpointSession.open(files, "/torchtune/epoch_0/adapter_0.pt", () => undefined);
  expect(session.summary().missingParts.map(({ label }) => label)).not.toContain("optimizer state");
  const state = await resumeOf(files, "/torchtune/recipe_state/recipe_state.pt");
  expect(checkOf(state, "Parameters")?.reason).toBe("In epoch_0 beside this folder.");
  expect(checkOf(state, "Progress")?.reason).toBe("recipe_state.pt: step 1, epoch 1 of 3.");
});

test("a distributed checkpoint is told by its directory; a file of it that is missing is named", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/titan");
  const whole = await resumeOf(files, "/titan");
  expect(verdicts(whole)).toMatchObject({
    Parameters: "ok",
    "Optimizer state": "ok",
    "Optimizer fits the parameters": "ok",
    Schedule: "ok",
    Progress: "ok",
    "Steps agree": "ok",
  });
  files.remove("/titan/__4_0.distcp");
  expect((await resumeOf(files, "/titan")).sentence).toMatch(
    /^No: titan is not whole: __4_0\.distcp, the file of rank 4, is missing/,
  );
  files.remove("/titan/.metadata");
  expect((await resumeOf(files, "/titan")).sentence).toMatch(/^No: titan .*The save did not finish/);
});

test("Megatron's distributed checkpoint: schedule and progress lie in common.pt", async () => {
  const common = (entries: Record<string, string>) => {
    const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/iter_0000100");
    files.write("/iter_0000100/metadata.json", '{"sharded_backend": "torch_dist"}');
    files.write("/iter_0000100/common.pt", torchArchive(dict(entries)));
    return resumeOf(files, "/iter_0000100");
  };
  const whole = await common({ iteration: "Kd", opt_param_scheduler: dict({ num_steps: "Kd" }) });
  expect(checkOf(whole, "Schedule")?.reason).toBe("opt_param_scheduler in common.pt.");
  expect(checkOf(whole, "Progress")?.reason).toBe("iteration in common.pt: step 100.");
  expect(verdicts(await common({ checkpoint_version: "K\x03" }))).toMatchObject({
    Schedule: "missing",
    Progress: "missing",
  });
});

test("Megatron's distributed checkpoint by its tracker, of a folder that was renamed", async () => {
  const iteration = "/run/iter_0000200";
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), iteration);
  files.write(`${iteration}/metadata.json`, '{"sharded_backend": "torch_dist"}');
  const entries = { iteration: "Kd", opt_param_scheduler: dict({ num_steps: "Kd" }) };
  files.write(`${iteration}/common.pt`, torchArchive(dict(entries)));
  files.write("/run/latest_checkpointed_iteration.txt", "200");
  const report = await resumeOf(files, "/run");
  expect(checkOf(report, "Schedule")?.reason).toBe("opt_param_scheduler in common.pt.");
  expect(checkOf(report, "Steps agree")?.reason).toMatch(/step 100, but the name iter_0000200 says 200/);
});

test("Megatron's distributed checkpoint without common.pt is nothing to resume from", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/iter_0000100");
  files.write("/iter_0000100/metadata.json", '{"sharded_backend": "torch_dist"}');
  expect((await resumeOf(files, "/iter_0000100")).sentence).toMatch(/^No: common\.pt is missing/);
});

describe("one file that holds everything", () => {
  test("model, optimizer and progress by their keys", async () => {
    const report = await resumeOf(
      new MemoryFiles({ "/out/ckpt.pt": fixture("training.pt") }),
      "/out/ckpt.pt",
    );
    expect(checkOf(report, "Parameters")?.verdict).toBe("ok");
    expect(checkOf(report, "Optimizer fits the parameters")?.verdict).toBe("ok");
    expect(report.answer).not.toBe("no");
  });

  test("cut: no, and nothing else is promised", async () => {
    const cut = fixture("training.pt").slice(0, 2500);
    const report = await resumeOf(new MemoryFiles({ "/out/ckpt.pt": cut }), "/out/ckpt.pt");
    expect(report.answer).toBe("no");
    expect(report.sentence).toMatch(/^No: ckpt\.pt is cut at byte 2,500/);
    expect(Object.keys(verdicts(report))).toEqual(["Parameters", "Progress"]);
  });
});

test("a model alone is weights to start from", async () => {
  const files = new MemoryFiles({ "/models/parameters.pt": fixture("parameters.pt") });
  const report = await resumeOf(files, "/models/parameters.pt");
  expect(report.answer).toBe("weights-only");
});
