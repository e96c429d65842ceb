import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { splitRule } from "../../../../src/core/formats/megatron/splitRules";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { unreadablePart } from "../../../../src/core/tensors/assembly";
import { expectedFolders, joinedFixture, readTensors } from "../../../support/made/joinedFolders";
import { projectRoot } from "../../../support/projectRoot";
import { folderInMemory } from "../../resume/resumeFiles";

const name = "megatron_tp2_pp2";
const expected = expectedFolders[name]?.tensors ?? [];

describe("ranks of Megatron-LM", () => {
  test.each([
    [name, `/run/${name}`, 2],
    [name, `/run/${name}/iter_0000100`, 2],
    ["megatron_buffers", "/run/megatron_buffers", 1],
  ])("of %s are one model with its optimizer: %s", async (fixture, path, pp) => {
    const { checkpoint, hashes } = await readTensors(joinedFixture(fixture), path);
    const { tensors = [] } = expectedFolders[fixture] ?? {};
    expect([...hashes.keys()].sort()).toEqual(tensors.map((tensor) => tensor.name).sort());
    for (const tensor of tensors) {
      expect(checkpoint.tensors.find((each) => each.name === tensor.name)).toMatchObject({
        dtype: tensor.dtype,
        shape: tensor.shape,
      });
      expect(hashes.get(tensor.name), tensor.name).toBe(tensor.sha256);
    }
    expect(checkpoint.layout).toMatchObject({ label: "Megatron-LM", parallel: { tp: 2, pp } });
    expect(checkpoint.problems.map(({ code, severity }) => [code, severity])).toEqual([
      ["OptimizerByOrder", "info"],
    ]);
  });

  test.each([name, "megatron_buffers"])("of %s tell the optimizer's groups and steps", async (fixture) => {
    const session = await CheckpointSession.open(joinedFixture(fixture), `/run/${fixture}`, () => undefined);
    const [optimizer] = session.inside?.optimizers ?? [];
    const weights = (expectedFolders[fixture]?.tensors ?? []).filter(
      (tensor) => !tensor.name.startsWith("optimizer."),
    );
    expect(optimizer?.parameters.map((parameter) => parameter.name).sort()).toEqual(
      weights.map((tensor) => tensor.name).sort(),
    );
    expect(optimizer?.groups).toHaveLength(2);
    expect(session.summary().progress?.step).toBe(100);
    expect((await session.health()).filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  test("an optimizer whose state is not there is left out, and that is said", async () => {
    const files = joinedFixture("megatron_buffers");
    for (const rank of ["00", "01"])
      files.remove(`/run/megatron_buffers/iter_0000100/mp_rank_${rank}/distrib_optim.pt`);
    const session = await CheckpointSession.open(files, "/run/megatron_buffers", () => undefined);
    const { problems, tensors } = session.checkpoint;
    expect(problems.map(({ code }) => code)).toEqual(["OptimizerApart"]);
    expect(tensors.some((tensor) => tensor.name.startsWith("optimizer."))).toBe(false);
    const { checks } = await session.resume();
    expect(checks.find(({ what }) => what === "Optimizer state")?.verdict).toBe("missing");
  });

  test("one that is missing leaves the others' slices and stages", async () => {
    const files = joinedFixture(name);
    files.remove(`/run/${name}/iter_0000100/mp_rank_01_001`);
    const { checkpoint, hashes } = await readTensors(files, `/run/${name}/iter_0000100`);
    expect(checkpoint.problems[0]).toMatchObject({ severity: "error", code: "MissingRank" });
    for (const { name: tensor, sha256 } of expected) {
      const hash = hashes.get(tensor);
      if (hash !== undefined) expect(hash, tensor).toBe(sha256);
    }
    // The second stage has the layers from 2 on.
    const lacking = checkpoint.tensors.find(
      (tensor) => tensor.name === "decoder.layers.2.mlp.linear_fc2.weight",
    );
    expect(lacking && unreadablePart(lacking)).toMatch(/\[0:6, 4:8\]: the file of mp_rank_01_001 is missing/);
    expect(hashes.get("decoder.layers.1.mlp.linear_fc2.weight")).toBeDefined();
  });

  test("the tracker that names an iteration that is not there", async () => {
    const files = joinedFixture(name);
    files.write(`/run/${name}/latest_checkpointed_iteration.txt`, "200");
    const { problems, files: listed } = await openCheckpoint(files, `/run/${name}`);
    expect(problems[0]).toMatchObject({ severity: "error", code: "TagMismatch" });
    expect(listed[0]?.name).toBe("iter_0000100/mp_rank_00_000/model_optim_rng.pt");
  });
});

test.each([
  ["decoder.layers.0.self_attention.linear_qkv.weight", { axis: 0 }],
  ["decoder.layers.0.self_attention.linear_qkv.layer_norm_weight", "whole"],
  ["decoder.layers.0.self_attention.linear_proj.weight", { axis: 1 }],
  ["decoder.layers.0.self_attention.linear_proj.bias", "whole"],
  ["decoder.layers.0.mlp.linear_fc1.weight", { axis: 0, parts: 2 }],
  ["language_model.encoder.layers.0.mlp.dense_4h_to_h.weight", { axis: 1 }],
  ["decoder.layers.0.mixer.in_proj.weight", undefined],
])("%s is cut by %j", (parameter, rule) => {
  expect(splitRule(parameter, { gated: true, version: 3 })).toEqual(rule);
});

test("a distributed save without what all ranks share cannot be loaded", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/run/iter_0000100");
  files.write("/run/iter_0000100/metadata.json", '{"sharded_backend": "torch_dist"}');
  const { problems } = await openCheckpoint(files, "/run/iter_0000100");
  expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "CommonStateMissing" }));
});

test("a distributed save without metadata.json is Megatron's all the same, which does not load it", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/run/iter_0000100");
  files.write("/run/iter_0000100/common.pt", "");
  const { format, problems } = await openCheckpoint(files, "/run/iter_0000100");
  expect(format).toBe("megatron-dist");
  expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "SettingsMissing" }));
});
