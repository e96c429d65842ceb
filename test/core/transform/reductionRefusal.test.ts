import { describe, expect, it } from "vitest";
import { reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { reductionProblem } from "../../../src/core/transform/reductionRefusal";
import { MemoryFiles } from "../../support/memoryFiles";
import {
  type MemoryTensor,
  memorySink,
  now,
  writeAdapterFolder,
  writeTensors,
} from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";

const q = "model.layers.0.self_attn.q_proj";
const pair = { a: randomMatrix(4, 24, 1), b: randomMatrix(20, 4, 2) };

function tensor(name: string, shape: readonly number[]): MemoryTensor {
  const values = randomMatrix(
    1,
    shape.reduce((product, size) => product * size, 1),
    name.length,
  ).data;
  return { name, shape, values };
}

/** Why an adapter of one good module and these tensors beside it is not reduced; undefined where it is. */
async function refusal(others: readonly MemoryTensor[], config: Record<string, unknown> = {}) {
  const files = new MemoryFiles();
  writeAdapterFolder(files, "/a", { [q]: pair }, { lora_alpha: 8, ...config }, others);
  const session = await CheckpointSession.open(files, "/a", () => undefined);
  const problem = reductionProblem(session);
  const make = { files, sink: memorySink(files), out: "/b", replace: false, toolVersion: "1", now };
  const written = reduceCheckpoint("/a", { rule: { kind: "rank", rank: 2 }, scope: "module" }, make);
  if (problem === undefined) {
    await written;
    const result = await CheckpointSession.open(files, "/b", () => undefined);
    const names = result.checkpoint.tensors.map(({ name }) => name);
    for (const { name } of others) expect(names).toContain(name);
  } else {
    await expect(written).rejects.toMatchObject({ code: "NotReducible" });
    expect(await files.stat("/b")).toBeUndefined();
  }
  return problem;
}

const under = (name: string) => `base_model.model.model.layers.0.${name}`;

describe("a reduction refuses what it cannot carry over exactly", () => {
  it.each<readonly [string, readonly MemoryTensor[], Record<string, unknown>, RegExp]>([
    ["a factor without its partner", [tensor(under("up.lora_A.weight"), [4, 24])], {}, /no partner/],
    [
      "stacked factors of experts",
      [
        tensor(under("mlp.experts.up_proj.lora_A.weight"), [3, 4, 24]),
        tensor(under("mlp.experts.up_proj.lora_B.weight"), [3, 20, 4]),
      ],
      {},
      /expert/,
    ],
    [
      "PEFT's nesting of two fused parameters, without a configuration of them",
      [
        tensor(under("mlp.experts.base_layer.lora_A.weight"), [8, 24]),
        tensor(under("mlp.experts.base_layer.lora_B.weight"), [20, 8]),
        tensor(under("mlp.experts.lora_A.weight"), [8, 20]),
        tensor(under("mlp.experts.lora_B.weight"), [24, 8]),
      ],
      {},
      /expert/,
    ],
    [
      "factors that are stored transposed",
      [tensor(under("k.lora_A.weight"), [24, 4]), tensor(under("k.lora_B.weight"), [4, 20])],
      { r: 4 },
      /transposed|no partner/,
    ],
    ["pooled factors", [], { use_qalora: true, qalora_group_size: 2 }, /pool|groups/],
    ["another method's tensors", [tensor(under("mlp.oft_R.weight"), [2, 2, 2])], {}, /exact rule|OFT/],
    [
      "what looks like a factor but is not known",
      [tensor(under("mlp.experts.lora_gate_c"), [3, 4])],
      {},
      /looks like a part/,
    ],
    [
      "KaSA's, whose base no file holds",
      [
        tensor(under("k.lora_A.weight"), [4, 24]),
        tensor(under("k.lora_B.weight"), [20, 4]),
        tensor(under("k.lora_diag"), [4]),
      ],
      {},
      /KaSA took/,
    ],
    [
      "a convolution that LoHa keeps as matrices",
      [
        ...["w1", "w2"].flatMap((which) => [
          tensor(under(`conv1.hada_${which}_a`), [8, 2]),
          tensor(under(`conv1.hada_${which}_b`), [2, 36]),
        ]),
      ],
      { peft_type: "LOHA", alpha: 2 },
      /conv1 is a convolution by its name/,
    ],
    [
      "a copy of a base weight without factors",
      [tensor("base_model.model.lm_head.base_layer.weight", [6, 4])],
      {},
      /copy of base weights/,
    ],
  ])("%s", async (_, others, config, reason) => {
    expect(await refusal(others, config)).toMatch(reason);
  });

  it.each<readonly [string, readonly MemoryTensor[], Record<string, unknown>]>([
    [
      "modules saved whole",
      [tensor("base_model.model.lm_head.weight", [6, 4])],
      { modules_to_save: ["lm_head"] },
    ],
    [
      "trained rows of the embedding",
      [tensor("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 4])],
      { trainable_token_indices: [1, 2] },
    ],
    [
      "the copy of a head that PEFT saves below its factors",
      [
        tensor("base_model.model.lm_head.base_layer.weight", [6, 4]),
        tensor("base_model.model.lm_head.lora_A.weight", [2, 4]),
        tensor("base_model.model.lm_head.lora_B.weight", [6, 2]),
      ],
      {},
    ],
  ])("but keeps %s byte by byte", async (_, others, config) => {
    expect(await refusal(others, config)).toBeUndefined();
  });
});

describe("a reduction of an adapter without its configuration", () => {
  it("is refused, because nothing says its scale", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/a", { [q]: pair }, { lora_alpha: 8 });
    files.remove("/a/adapter_config.json");
    const session = await CheckpointSession.open(files, "/a", () => undefined);
    expect(reductionProblem(session)).toMatch(/Nothing says by what .* is scaled: put adapter_config.json/);
  });
});

describe("a reduction of another dialect", () => {
  it("keeps whole differences beside the factors", async () => {
    const files = new MemoryFiles();
    const [name, bias] = ["diffusion_model.blocks.0.q", "diffusion_model.blocks.0.norm.diff_b"];
    writeTensors(files, "/wan.safetensors", [
      tensor(`${name}.lora_down.weight`, [4, 24]),
      tensor(`${name}.lora_up.weight`, [20, 4]),
      tensor(bias, [20]),
    ]);
    const make = {
      files,
      sink: memorySink(files),
      out: "/b.safetensors",
      replace: false,
      toolVersion: "1",
      now,
    };
    await reduceCheckpoint("/wan.safetensors", { rule: { kind: "rank", rank: 2 }, scope: "module" }, make);
    const { checkpoint } = await CheckpointSession.open(files, "/b.safetensors", () => undefined);
    expect(checkpoint.tensors.map(({ name }) => name)).toContain(bias);
  });

  it("says where LoKr's result is larger than its source", async () => {
    const files = new MemoryFiles();
    writeTensors(files, "/lokr.safetensors", [
      tensor("lora_unet_blocks_0_q.lokr_w1", [8, 8]),
      tensor("lora_unet_blocks_0_q.lokr_w2", [16, 16]),
      // Of two whole matrices it is ignored.
      tensor("lora_unet_blocks_0_q.alpha", []),
    ]);
    const make = {
      files,
      sink: memorySink(files),
      out: "/b.safetensors",
      replace: false,
      toolVersion: "1",
      now,
    };
    const rule = { rule: { kind: "energy", share: 0.99 }, scope: "module" } as const;
    const { problems, plan, fileBytesBefore, weightBytes } = await reduceCheckpoint(
      "/lokr.safetensors",
      rule,
      make,
    );
    expect(plan.bytesBefore).toBe(8 * (64 + 256));
    expect(weightBytes).toBeGreaterThan(fileBytesBefore);
    expect(problems.map(({ code }) => code)).toContain("LargerThanSource");
  });
});
