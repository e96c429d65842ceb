import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { safetensorsFile } from "./made/safetensorsFile";
import { MemoryFiles } from "./memoryFiles";

export type Shapes = Readonly<Record<string, readonly number[]>>;

export function weights(shapes: Shapes): Uint8Array {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape }));
  return safetensorsFile({ tensors });
}

export const module = "base_model.model.model.layers.0.self_attn.q_proj";
export const factors: Shapes = { [`${module}.lora_A.weight`]: [8, 16], [`${module}.lora_B.weight`]: [16, 8] };
export const adapterConfig = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj"] };

export async function healthOf(entries: Readonly<Record<string, string | Uint8Array>>, path = "/run") {
  const files = new MemoryFiles(
    Object.fromEntries(Object.entries(entries).map(([name, content]) => [`/run/${name}`, content])),
  );
  const session = await CheckpointSession.open(files, path, () => undefined);
  return { session, problems: await session.health() };
}

export const adapterOf = (shapes: Shapes, config: object = adapterConfig) => ({
  "adapter_model.safetensors": weights(shapes),
  "adapter_config.json": JSON.stringify(config),
});

export const modelOf = (shapes: Shapes, config: object) => ({
  "model.safetensors": weights(shapes),
  "config.json": JSON.stringify(config),
});
