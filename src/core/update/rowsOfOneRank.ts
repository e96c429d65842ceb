import type { LoraModule } from "../adapter/loraModule";
import { placeOfModule } from "../adapter/moduleName";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { elementCount } from "../tensors/tensor";
import { plural } from "../text/quantities";

/** Modules whose rows are looked at; what cuts one cuts all. */
const maxRead = 4;

/** Processes that a tensor is divided among. */
const maxRanks = 4096;

/** Layers that are several in one, of which one may have been trained alone. */
const fused = /qkv|query_key_value|c_attn|gate_up|in_proj|linear1$|(?:^|\.)kv|fused/i;

/**
 * Adapters of a sharded training that hold one process' rows of every B, in tensors of the full size: what the others
 * had was never gathered, and is exactly zero (FSDP2). No training leaves the same share of zeros in every module.
 * @param zerosOf How many of a tensor's values are zero; undefined where it was not read as a whole.
 */
export async function rowsOfOneRank(
  modules: readonly LoraModule[],
  zerosOf: (tensor: Tensor) => number | undefined,
  read: (tensor: Tensor) => Promise<ArrayLike<number> | undefined>,
): Promise<readonly Problem[]> {
  const linear = modules.filter(({ layout, slice }) => layout === "linear" && slice === undefined);
  const trained = linear.filter(({ b }) => zerosOf(b) !== elementCount(b.shape));
  const kinds = new Set(trained.map(({ module }) => placeOfModule(module).kind));
  if (trained.length < 2 || [...kinds].every((kind) => fused.test(kind))) return [];
  const [first] = trained;
  const rows = first === undefined ? undefined : rowsLeft(first, zerosOf);
  if (first === undefined || rows === undefined) return [];
  const ranks = Math.round(first.outFeatures / rows);
  if (ranks < 2 || ranks > maxRanks) return [];
  const isCut = (module: LoraModule) => rowsLeft(module, zerosOf) === Math.ceil(module.outFeatures / ranks);
  if (!trained.every(isCut)) return [];
  for (const { b, rank } of trained.slice(0, maxRead)) {
    const values = await read(b);
    if (values === undefined || !isOneBlock(values, rank, ranks)) return [];
  }
  const message = `Every B holds the rows of one of ${ranks} processes, and zeros in the place of the others': of ${first.b.name} ${plural(rows, "row")} of ${first.outFeatures} have values, and so it is in all ${plural(trained.length, "trained module")}. The rest was not gathered as it was saved (FSDP), and is lost here.`;
  return [{ severity: "error", code: "OneRankOnly", message, tensor: first.b.name }];
}

/** How many rows of B can hold values, where those without are zero as a whole. */
function rowsLeft({ b, rank }: LoraModule, zerosOf: (tensor: Tensor) => number | undefined) {
  const zeros = zerosOf(b);
  if (zeros === undefined || zeros === 0 || rank === 0) return undefined;
  const rows = (elementCount(b.shape) - zeros) / rank;
  return Number.isInteger(rows) && rows > 0 ? rows : undefined;
}

/** The rows with values lie one behind the other, where those of one process begin. */
function isOneBlock(values: ArrayLike<number>, rank: number, ranks: number): boolean {
  const count = values.length / rank;
  const size = Math.ceil(count / ranks);
  let first: number | undefined;
  for (let row = 0; row < count; row++) {
    let zeros = 0;
    for (let at = row * rank; at < (row + 1) * rank; at++) if (values[at] === 0) zeros++;
    if (zeros !== 0 && zeros !== rank) return false;
    if (zeros === rank) continue;
    first ??= row;
    if (row >= first + size) return false;
  }
  return first !== undefined && first % size === 0;
}
