import { describe, expect, it } from "vitest";
import { transpose } from "../../../src/core/linalg/matrix";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { type MemoryTensor, writeTensors } from "../adapter/memoryAdapters";

import { distance, json, pair, q, rank, reduce, updates } from "./reducing";

describe("a reduced adapter of another dialect", () => {
  it("writes kohya's file for kohya's adapters, and says in its metadata what was done", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1);
    const name = "lora_unet_mid_block_attn_to_q";
    const metadata = {
      ss_network_dim: "6",
      ss_network_alpha: "3",
      ss_training_comment: "mine",
      sshs_model_hash: "x",
    };
    const tensors = [
      { name: `${name}.lora_down.weight`, shape: [6, 16], values: a.data },
      { name: `${name}.lora_up.weight`, shape: [20, 6], values: b.data },
      { name: `${name}.alpha`, shape: [], values: Float64Array.of(3) },
    ];
    writeTensors(files, "/loras/me.safetensors", tensors, metadata);
    const result = await reduce(files, "/loras/me.safetensors", rank(2), { out: "/loras/small.safetensors" });
    expect(result).toMatchObject({ format: "kohya", path: "/loras/small.safetensors" });
    const session = await CheckpointSession.open(files, "/loras/small.safetensors", () => undefined);
    expect(session.adapter).toMatchObject({ dialect: "kohya", unpaired: [] });
    expect(Object.fromEntries(session.checkpoint.metadata)).toEqual({
      ss_network_dim: "2",
      ss_network_alpha: "1",
      ss_training_comment: "dimension is resized from 6 to 2; mine",
      stage: "rank-reduction",
    });
    const [before, after] = [
      await updates(files, "/loras/me.safetensors"),
      await updates(files, "/loras/small.safetensors"),
    ];
    expect(distance(before.get(name), after.get(name))).toBeCloseTo(
      result.plan.modules[0]?.distance ?? 0,
      10,
    );
  });

  it("keeps the names, the axes and the configuration of the dialect that its source has", async () => {
    const { a, b } = pair(1);
    const [at, bt] = [transpose(a), transpose(b)];
    const values = Float64Array.of(9, 7, 5, 3, 2, 1);
    const mlx = JSON.stringify({ fine_tune_type: "dora", lora_parameters: { rank: 6, scale: 20 }, seed: 1 });
    const sources: readonly (readonly [MemoryTensor[], string[], string?])[] = [
      [
        [
          { name: `${q}.lora_a`, shape: [16, 6], values: at.data },
          { name: `${q}.lora_b`, shape: [6, 20], values: bt.data },
          { name: `${q}.m`, shape: [20], values: new Float64Array(20).fill(2) },
        ],
        [`${q}.lora_a 16×2`, `${q}.lora_b 2×20`, `${q}.m 20`],
        mlx,
      ],
      [
        [
          { name: "language_model.model.q_proj.A", shape: [16, 6], values: at.data },
          { name: "language_model.model.q_proj.B", shape: [6, 20], values: bt.data },
        ],
        ["language_model.model.q_proj.A 16×2", "language_model.model.q_proj.B 2×20"],
        JSON.stringify({ rank: 6, alpha: 0.1, dropout: 0 }),
      ],
      [
        [
          { name: "layers.0.attn.q_proj.lora_a.weight", shape: [6, 16], values: a.data },
          { name: "layers.0.attn.q_proj.lora_b.weight", shape: [20, 6], values: b.data },
        ],
        ["layers.0.attn.q_proj.lora_a.weight 2×16", "layers.0.attn.q_proj.lora_b.weight 20×2"],
        JSON.stringify({ peft_type: "LORA", r: 6, lora_alpha: 12, target_modules: ["q_proj"] }),
      ],
      [
        [
          { name: "diffusion_model.q.lora_A.weight", shape: [6, 16], values: a.data },
          { name: "diffusion_model.q.lora_B.weight", shape: [20, 6], values: b.data },
          { name: "diffusion_model.q.dora_scale", shape: [20, 1], values: new Float64Array(20).fill(2) },
        ],
        [
          "diffusion_model.q.dora_scale 20×1",
          "diffusion_model.q.lora_A.weight 2×16",
          "diffusion_model.q.lora_B.weight 20×2",
        ],
      ],
      [
        [
          { name: "layers.0.q.lora_A", shape: [6, 16], values: a.data },
          { name: "layers.0.q.lora_B", shape: [20, 6], values: b.data },
        ],
        ["layers.0.q.lora_A 2×16", "layers.0.q.lora_B 20×2"],
      ],
      [
        [
          { name: "layers.0.q.U", shape: [20, 6], values: b.data },
          { name: "layers.0.q.S", shape: [6], values },
          { name: "layers.0.q.V", shape: [16, 6], values: at.data },
        ],
        ["layers.0.q.S 2", "layers.0.q.U 20×2", "layers.0.q.V 16×2"],
      ],
    ];
    for (const [tensors, expected, config] of sources) {
      const files = new MemoryFiles();
      writeTensors(files, "/a/adapters.safetensors", tensors);
      if (config !== undefined) files.write("/a/adapter_config.json", config);
      const isFolder = config !== undefined;
      const [path, out] = isFolder ? ["/a", "/b"] : ["/a/adapters.safetensors", "/b.safetensors"];
      const { plan } = await reduce(files, path, rank(2), { out });
      const weights = isFolder ? "/b/adapters.safetensors" : out;
      const session = await CheckpointSession.open(files, weights, () => undefined);
      const found = session.checkpoint.tensors.map(({ name, shape }) => `${name} ${shape.join("×")}`);
      expect(found.sort()).toEqual(expected);
      const [before, after] = [await updates(files, path), await updates(files, weights)];
      for (const { module, distance: promised } of plan.modules)
        expect(distance(before.get(module), after.get(module))).toBeCloseTo(promised, 10);
    }
  });

  it("keeps the other settings of mlx-lm's configuration, and its scale", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1);
    const config = { fine_tune_type: "lora", lora_parameters: { rank: 6, scale: 20, dropout: 0 }, seed: 1 };
    files.write("/a/adapter_config.json", JSON.stringify(config));
    writeTensors(files, "/a/adapters.safetensors", [
      { name: `${q}.lora_a`, shape: [16, 6], values: transpose(a).data },
      { name: `${q}.lora_b`, shape: [6, 20], values: transpose(b).data },
    ]);
    await reduce(files, "/a", rank(2), { out: "/b" });
    expect(await json(files, "/b/adapter_config.json")).toEqual({
      ...config,
      lora_parameters: { rank: 2, scale: 20, dropout: 0 },
    });
  });
});
