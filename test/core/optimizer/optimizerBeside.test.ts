import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { optimizerViews, readOptimizerPage } from "../../../src/core/session/optimizerQuestions";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, storage, tensorV2, torchArchive } from "../formats/torch/torchPickle";
import { folderInMemory, trainingFixtures } from "../resume/resumeFiles";

const tensor = (...shape: readonly number[]) => {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  return tensorV2(storage("torch.FloatStorage", "0", 64), shape, strides);
};
const zeros = { 0: floatBytes(...new Array<number>(64).fill(0)) };

/** An optimizer of one group whose moments have these shapes. */
function optimizer(...shapes: readonly (readonly number[])[]): Uint8Array {
  const state = shapes.map(
    (shape, at) => `K${String.fromCharCode(at)}${dict({ exp_avg: tensor(...shape) })}`,
  );
  const params = `](${shapes.map((_, at) => `K${String.fromCharCode(at)}`).join("")}e`;
  return torchArchive(dict({ state: `}(${state.join("")}u`, param_groups: `](${dict({ params })}e` }), zeros);
}

async function viewOf(files: MemoryFiles, path: string) {
  const session = await CheckpointSession.open(files, path, () => undefined);
  const [view] = optimizerViews(session);
  const { rows } = await readOptimizerPage(session, 0, 0);
  return { view, names: rows.map(({ name }) => name) };
}

describe("a model beside the optimizer", () => {
  test("float buffers stand between its parameters: they are passed over", async () => {
    // In the order in which the model declares them, which is not that of their names.
    const model = dict({
      wte: tensor(5, 4),
      mask: tensor(8, 8),
      fc: tensor(3, 4),
      attn: tensor(4),
      scale: tensor(2),
    });
    const files = new MemoryFiles({
      "/run/model.pt": torchArchive(model, zeros),
      "/run/optimizer.pt": optimizer([5, 4], [3, 4], [4]),
    });
    expect((await viewOf(files, "/run/optimizer.pt")).names).toEqual(["wte", "fc", "attn"]);
  });

  test("two buffers could be one parameter: then none is named", async () => {
    const other = tensorV2(storage("torch.FloatStorage", "1", 4), [4], [1]);
    const model = dict({ wte: tensor(5, 4), one: tensor(4), two: other });
    const files = new MemoryFiles({
      "/run/model.pt": torchArchive(model, { ...zeros, 1: floatBytes(0, 0, 0, 0) }),
      "/run/optimizer.pt": optimizer([5, 4], [4]),
    });
    expect((await viewOf(files, "/run/optimizer.pt")).names).toEqual([undefined, undefined]);
  });

  test("is the one of its name, where several lie in one folder", async () => {
    const layer = (inputs: number) =>
      torchArchive(dict({ "l.weight": tensor(3, inputs), "l.bias": tensor(3) }), zeros);
    const files = new MemoryFiles({
      "/run/policy.pth": layer(4),
      "/run/policy.optimizer.pth": optimizer([3, 4], [3]),
      "/run/critic.pth": layer(5),
      "/run/critic_optimizer.pth": optimizer([3, 5], [3]),
      "/run/pytorch_variables.pth": torchArchive("N"),
    });
    for (const name of ["policy.optimizer.pth", "critic_optimizer.pth"])
      expect((await viewOf(files, `/run/${name}`)).names).toEqual(["l.weight", "l.bias"]);
    const optimizerCheck = async (name: string) => {
      const session = await CheckpointSession.open(files, `/run/${name}`, () => undefined);
      const { checks } = await session.resume();
      return checks.find(({ what }) => what === "Optimizer state")?.reason;
    };
    for (const name of ["policy.pth", "policy.optimizer.pth"])
      expect(await optimizerCheck(name)).toMatch(/^policy\.optimizer\.pth: .*state of 2 parameters/);
    expect(await optimizerCheck("critic.pth")).toMatch(/^critic_optimizer\.pth: /);
  });

  test("the state is compared with what the parameters take in their own dtype", async () => {
    const tensors = [
      { name: "a.weight", dtype: "BF16", shape: [5, 4] },
      { name: "b.weight", dtype: "BF16", shape: [3, 4] },
    ];
    const files = new MemoryFiles({
      "/run/model.safetensors": safetensorsFile({ tensors }),
      "/run/optimizer.pt": optimizer([5, 4], [3, 4]),
    });
    const { view } = await viewOf(files, "/run/optimizer.pt");
    expect(view).toMatchObject({
      elements: 32,
      parameterBytes: 64,
      parameterDtypes: ["BF16"],
      stateBytes: 128,
    });
    files.remove("/run/model.safetensors");
    expect((await viewOf(files, "/run/optimizer.pt")).view).not.toHaveProperty("parameterBytes");
  });
});

describe("optimizers of other libraries say what they are", () => {
  const noteOf = async (folder: string, path: string) =>
    (await viewOf(folderInMemory(join(trainingFixtures, folder), `/${folder}`), `/${folder}/${path}`)).view
      ?.note;

  test("DeepSpeed's partitions", async () => {
    const last = "global_step10/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt";
    const note = await noteOf("deepspeed", last);
    // 35 values in two parts of 18, the last with one of padding.
    expect(note).toMatch(/^One of 2 parts of DeepSpeed's ZeRO-2 optimizer/);
    expect(note).toMatch(/It holds 18 values in 1 group, and 1 of padding\./);
  });

  test("Megatron's ranks and torchtune's recipe", async () => {
    expect(await noteOf("megatron", "iter_0000100/mp_rank_00/model_optim_rng.pt")).toMatch(/^Megatron-LM's/);
    expect(await noteOf("torchtune", "recipe_state/recipe_state.pt")).toMatch(/^torchtune's recipe state/);
  });

  test("torch's own says nothing", async () => {
    const files = new MemoryFiles({ "/run/optimizer.pt": optimizer([2]) });
    expect((await viewOf(files, "/run/optimizer.pt")).view).not.toHaveProperty("note");
  });
});
