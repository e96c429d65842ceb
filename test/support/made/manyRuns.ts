import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mapParallel } from "../../../src/core/bytes/mapParallel";
import { dataSizeOf, fileHead } from "./safetensorsFile";

const adapterConfig = JSON.stringify({ peft_type: "LORA", r: 4, lora_alpha: 8, target_modules: ["q_proj"] });

const adapter = {
  tensors: ["A", "B"].map((factor) => ({
    name: `base_model.model.model.layers.0.self_attn.q_proj.lora_${factor}.weight`,
    dtype: "F32",
    shape: factor === "A" ? [4, 64] : [64, 4],
  })),
};

/**
 * A workspace of trainings as transformers' Trainer leaves them: adapters with their state, and of every second
 * training a log beside. The tensors are holes.
 */
export async function writeManyRuns(folder: string, runs: number, checkpoints: number): Promise<void> {
  const head = fileHead(adapter);
  await mapParallel(
    Array.from({ length: runs }, (_, run) => run),
    8,
    async (run) => {
      // Losses of their own, so that no run is taken for another's copy.
      const lossAt = (step: number) => 2 / (1 + step / 100) + run / 10_000;
      const path = join(folder, `group-${Math.floor(run / 100)}`, `run-${run}`);
      const points: { step: number; epoch: number; loss: number }[] = [];
      for (let at = 1; at <= checkpoints; at++) {
        const step = 10 * at;
        points.push({ step, epoch: at / checkpoints, loss: lossAt(step) });
        const checkpoint = join(path, `checkpoint-${step}`);
        await mkdir(checkpoint, { recursive: true });
        const state = { global_step: step, max_steps: 10 * checkpoints, epoch: at, log_history: points };
        await writeFile(join(checkpoint, "trainer_state.json"), JSON.stringify(state));
        await writeFile(join(checkpoint, "adapter_config.json"), adapterConfig);
        const weights = await open(join(checkpoint, "adapter_model.safetensors"), "w");
        await weights.write(head);
        await weights.truncate(head.length + dataSizeOf(adapter));
        await weights.close();
      }
      const lines = points.map(({ step, loss }) => `${step},${loss}`);
      if (run % 2 === 0) await writeFile(join(path, "metrics.csv"), `step,loss\n${lines.join("\n")}\n`);
    },
  );
}
