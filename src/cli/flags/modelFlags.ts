import type { WritableDtype } from "../../core/tensors/encode";
import { UsageError } from "../usageError";

/** For `parseArgs`: the options of the commands that write a whole model. */
export const modelFlags = {
  dtype: { type: "string" },
  "max-shard-size": { type: "string" },
  "dry-run": { type: "boolean", default: false },
  out: { type: "string", short: "o" },
  replace: { type: "boolean", default: false },
} as const;

interface ModelValues {
  readonly dtype?: string | undefined;
  readonly "max-shard-size"?: string | undefined;
  readonly out?: string | undefined;
  readonly replace: boolean;
}

export interface ModelFlags {
  readonly dtype: WritableDtype | undefined;
  readonly maxShardBytes: number;
  readonly replace: boolean;
}

const dtypes: ReadonlyMap<string, WritableDtype> = new Map([
  ["f32", "F32"],
  ["float32", "F32"],
  ["f16", "F16"],
  ["fp16", "F16"],
  ["float16", "F16"],
  ["bf16", "BF16"],
  ["bfloat16", "BF16"],
  ["f64", "F64"],
  ["float64", "F64"],
]);

/** What transformers cuts models at. */
const usualShardBytes = 5e9;

/** @throws UsageError for a dtype or size that is none. */
export function readModelFlags({ dtype, replace, "max-shard-size": size }: ModelValues): ModelFlags {
  const known = dtype === undefined ? undefined : dtypes.get(dtype.toLowerCase());
  if (dtype !== undefined && known === undefined)
    throw new UsageError(`--dtype takes f32, f16, bf16 or f64, not "${dtype}".`);
  return { dtype: known, replace, maxShardBytes: size === undefined ? usualShardBytes : sizeOf(size) };
}

/** @throws UsageError where there is none. */
export function outOf({ out }: Pick<ModelValues, "out">): string {
  if (out === undefined)
    throw new UsageError("Where to? Name a new folder or a .safetensors file with --out.");
  return out;
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

function sizeOf(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)$/i.exec(text) ?? [];
  const factor = units[(unit ?? "?").toUpperCase()];
  const bytes = Number(number) * (factor ?? Number.NaN);
  if (bytes >= 1) return bytes;
  throw new UsageError(`--max-shard-size takes a size such as 5GB or 500MB, not "${text}".`);
}
