import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { adapterConfig, type StateOptions, trainerState } from "../../core/runs/discover/trainerFiles";
import { safetensorsFile } from "./safetensorsFile";

const module = "base_model.model.model.layers.0.self_attn.q_proj";

/** A checkpoint folder of a PEFT training on disk: real weights, moments and progress. */
export function writeCheckpointFolder(output: string, state: StateOptions): string {
  const folder = join(output, `checkpoint-${state.step}`);
  mkdirSync(folder, { recursive: true });
  const tensors = [
    { name: `${module}.lora_A.weight`, dtype: "F32", shape: [8, 16] },
    { name: `${module}.lora_B.weight`, dtype: "F32", shape: [16, 8] },
  ];
  writeFileSync(join(folder, "adapter_model.safetensors"), safetensorsFile({ tensors }));
  writeFileSync(join(folder, "adapter_config.json"), adapterConfig({ target_modules: ["q_proj"] }));
  const moments = tensors.map((tensor) => ({ ...tensor, name: `${tensor.name}.exp_avg` }));
  writeFileSync(join(folder, "optimizer.safetensors"), safetensorsFile({ tensors: moments }));
  writeFileSync(join(folder, "trainer_state.json"), trainerState(state));
  return folder;
}
