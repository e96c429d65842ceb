import type { MemoryModule } from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";
import { scaleColumns } from "../update/randomFactors";

export type Modules = Record<string, MemoryModule>;

/** A small model of 12 layers with three kinds of modules; B·A has a falling spectrum. */
export function modulesOf(make: (kind: string, layer: number, seed: number) => MemoryModule): Modules {
  const modules: Modules = {};
  let seed = 1;
  for (let layer = 0; layer < 12; layer++) {
    for (const kind of ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"]) {
      seed += 10;
      modules[`model.layers.${layer}.${kind}`] = make(kind, layer, seed);
    }
  }
  return modules;
}

const falling = Float64Array.from({ length: 8 }, (_, k) => Math.exp(-k / 2));
export const svdModules = modulesOf((_, __, seed) => ({
  a: randomMatrix(8, 24, seed),
  b: scaleColumns(randomMatrix(20, 8, seed + 1), falling),
}));
