import { safetensors } from "./costlyFiles";
import type { Random } from "./mutate";

/** Numbers that a reader may trip over. */
export const numbers = [0, 1, 2, 7, 255, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 1e18, -1, 0.5];

/** Anything that JSON can hold, with the keys that a reader looks for. */
export function anyJson(random: Random, keys: readonly string[], depth = 0): unknown {
  const kind = random.below(depth > 4 ? 6 : 9);
  if (kind < 2) return random.of(numbers);
  if (kind === 2) return random.of([true, false, null]);
  if (kind < 6)
    return random.of([
      "",
      "q_proj",
      "0",
      "NaN",
      "/etc/passwd",
      "../..",
      "(a+)+$",
      "\u202e",
      "__proto__",
      "x".repeat(3000),
      "F32",
      "I8",
      "hf_abcdefghijklmnopqrstuvwxyz012345",
    ]);
  const length = random.below(5);
  if (kind === 6) return Array.from({ length }, () => anyJson(random, keys, depth + 1));
  return Object.fromEntries(
    Array.from({ length }, () => [random.of(keys), anyJson(random, keys, depth + 1)]),
  );
}

const adapterHeader = safetensors(
  '{"l.0.q.lora_A.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"l.0.q.lora_B.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}}',
);
export const withData = (header: Uint8Array, length = 64) =>
  new Uint8Array(Buffer.concat([header, new Uint8Array(length)]));

/** The weights of an adapter of one module. */
export const smallAdapter = withData(adapterHeader);
