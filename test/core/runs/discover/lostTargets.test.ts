import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ReadAllowance } from "../../../../src/core/bytes/limitedFiles";
import { probeFile } from "../../../../src/core/checkpoint/probeFile";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../../support/memoryFiles";
import { projectRoot } from "../../../support/projectRoot";
import { type Contents, codes, only, outline, search } from "./searchMemory";
import { trainerState, weights } from "./trainerFiles";

const fixture = (...parts: readonly string[]) =>
  new Uint8Array(readFileSync(join(projectRoot, "test/fixtures", ...parts)));

describe("a link that leads nowhere", () => {
  it("is told in the run, where it stands for one of its checkpoints", async () => {
    const { runs } = await search({
      "/ws/run/checkpoints/epoch=0-step=4.ckpt": weights,
      "/ws/run/checkpoints/last.ckpt": { link: "epoch=1-step=8.ckpt" },
      "/ws/run/checkpoints/data": { link: "/gone" },
    });
    expect(only(runs).problems).toMatchObject([
      {
        severity: "warning",
        code: "BrokenLink",
        message: 'last.ckpt is a link to "epoch=1-step=8.ckpt", which is not there.',
      },
    ]);
  });

  it("is told at the checkpoint of which it is a part", async () => {
    const { runs } = await search({
      "/ws/run/checkpoint-10/model.safetensors": weights,
      "/ws/run/checkpoint-10/optimizer.pt": { link: "/scratch/optimizer.pt" },
      "/ws/run/checkpoint-10/trainer_state.json": trainerState({ step: 10 }),
    });
    const run = only(runs);
    expect(run.problems).toEqual([]);
    expect(codes(run.checkpoints[0]?.problems ?? [])).toEqual(["BrokenLink"]);
  });

  it("is told of a folder of nothing else, as of a hub's cache that lost its blobs", async () => {
    const files = new MemoryFiles({ "/ws/snapshots/a1/model.safetensors": { link: "../../blobs/b2" } });
    const { runs, problems } = await search(files);
    expect(runs).toEqual([]);
    expect(problems).toMatchObject([{ code: "BrokenLink", file: "/ws/snapshots/a1" }]);
    const open = (path: string) => CheckpointSession.open(files, path, () => undefined);
    await expect(open("/ws/snapshots/a1")).rejects.toThrow(/holds no weights.*"\.\.\/\.\.\/blobs\/b2"/);
    await expect(open("/ws/snapshots/a1/model.safetensors")).rejects.toThrow(/is a link to .*not there/);
  });

  it("is none where a link leads to what is there", async () => {
    const { runs, problems } = await search({
      "/ws/run/epoch_1.pth": weights,
      "/ws/run/latest.pth": { link: "epoch_1.pth" },
    });
    expect([...only(runs).problems, ...problems]).toEqual([]);
  });
});

describe("a file that names the checkpoint to go on from", () => {
  it.each([
    ["last_checkpoint", "model_0003000.pth", { "model_0001000.pth": weights }, "model_0003000.pth"],
    ["last_checkpoint", "/home/me/work/epoch_3.pth\n", { "epoch_1.pth": weights }, "epoch_3.pth"],
    [
      "latest_checkpointed_iteration.txt",
      "200",
      { "iter_0000100/mp_rank_00/model_optim_rng.pt": weights },
      "200",
    ],
    ["latest", "global_step9", { "global_step5/mp_rank_00_model_states.pt": weights }, "global_step9"],
    [
      "checkpoint",
      'model_checkpoint_path: "ckpt-9"\n',
      { "ckpt-1.index": weights, "ckpt-1.data-00000-of-00001": weights },
      "ckpt-9",
    ],
  ])("%s that names %j", async (pointer, text, beside, named) => {
    const at = (all: Contents) =>
      Object.fromEntries(Object.entries(all).map(([name, content]) => [`/ws/run/${name}`, content]));
    const lost = await search(at({ ...beside, [pointer]: text }));
    expect(only(lost.runs).problems).toMatchObject([{ severity: "warning", code: "LostPointer" }]);
    expect(only(lost.runs).problems[0]?.message).toContain(`${pointer} names "${named}", which is not here`);
  });

  it.each([
    ["latest", "", "global_step5/mp_rank_00_model_states.pt"],
    ["latest_checkpointed_iteration.txt", "\n", "iter_0000100/mp_rank_00/model_optim_rng.pt"],
  ])("%s that is empty: %j", async (pointer, text, file) => {
    const { runs } = await search({ [`/ws/run/${pointer}`]: text, [`/ws/run/${file}`]: weights });
    expect(only(runs).problems).toMatchObject([{ code: "LostPointer" }]);
    expect(only(runs).problems[0]?.message).toMatch(new RegExp(`^${pointer} is empty`));
  });

  it.each([
    ["last_checkpoint", "epoch_1.pth", "epoch_1.pth"],
    ["latest_checkpointed_iteration.txt", "100\n", "iter_0000100/mp_rank_00/model_optim_rng.pt"],
    ["latest_checkpointed_iteration.txt", "100", "global_step_100/model.safetensors"],
    ["latest", "global_step5", "global_step5/mp_rank_00_model_states.pt"],
    ["latest", "global_step5", "global_step5_universal/mp_rank_00_model_states.pt"],
    ["checkpoint", 'model_checkpoint_path: "ckpt-1"', "ckpt-1.index"],
    // No pointers, whatever their names are.
    ["checkpoint", "weights of something", "epoch_1.pth"],
    ["latest", "two words", "epoch_1.pth"],
  ])("%s that names %j, which is here", async (pointer, text, file) => {
    const { runs, problems } = await search({ [`/ws/run/${pointer}`]: text, [`/ws/run/${file}`]: weights });
    const all = [
      ...problems,
      ...runs.flatMap((run) => [...run.problems, ...run.checkpoints.flatMap((one) => one.problems)]),
    ];
    expect(codes(all)).not.toContain("LostPointer");
  });
});

describe("files that are no checkpoints under the endings of such", () => {
  const looked = (files: MemoryFiles) => (path: string) =>
    probeFile(files, path, new ReadAllowance(100_000_000)).then(
      (probe) => probe ?? { metadata: undefined, problems: [] },
    );

  it("leaves out data, and lists Stable-Baselines3's archives", async () => {
    const files = new MemoryFiles({
      "/ws/rl/rl_model_128_steps.zip": fixture("ordinary", "ppo_cartpole.zip"),
      "/ws/rl/best_model.zip": fixture("ordinary", "ppo_cartpole.zip"),
      "/ws/rl/model.zip": new Uint8Array([0x50, 0x4b, 5, 6, ...new Array<number>(18).fill(0)]),
      "/ws/rl/obs_rms.pt": fixture("ordinary", "obs_rms.pkl"),
    });
    const { runs } = await search(files, { peek: looked(files) });
    expect(Object.values(outline(runs)).map((names) => names.toSorted())).toEqual([
      ["best_model.zip", "rl_model_128_steps.zip"],
    ]);
    expect(only(runs).checkpoints.find(({ name }) => name.startsWith("rl_"))?.step).toBe(128);
  });

  it("makes no run of data alone", async () => {
    const files = new MemoryFiles({ "/ws/data/train.pt": fixture("ordinary", "obs_rms.pkl") });
    expect((await search(files, { peek: looked(files) })).runs).toEqual([]);
  });
});
