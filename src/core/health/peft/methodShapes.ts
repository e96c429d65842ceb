import { modulePath } from "../../adapter/loraKey";
import {
  type OddSize,
  oddSize,
  type ShapedModule,
  settingsOf,
  shapedModules,
  sharedTensors,
} from "../../adapter/methods/tensorShapes";
import { ModulePatterns } from "../../adapter/modulePatterns";
import { isJsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { type HealthSubject, isPeftFile, isWhole } from "../healthSubject";

/**
 * Tensors of another method than LoRA whose shapes are not those that PEFT makes by the configuration beside them, or do
 * not fit each other: it fails at them (size mismatch), each as it makes the module (tuners/METHOD/layer.py).
 */
export function methodShapes(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapterConfig: config, adapter, folder } = subject;
  const value = folder.adapterConfig?.value;
  const method = config?.peftType;
  if (config === undefined || value === undefined || method === undefined || adapter?.carriesModel !== false)
    return [];
  if (!isPeftFile(checkpoint.name) || !isWhole(subject)) return [];
  const own = shapedModules(method, checkpoint.tensors) ?? [];
  const shared = sharedTensors(method, checkpoint.tensors);
  const modules = shared.tensors.size === 0 ? own : [...own, shared];
  const ofWord = (part: string, rank: number | undefined) =>
    part === "r" ? rank : /^\d+$/.test(part) ? Number(part) : jsonNumber(value.get(part));
  const ranks = new ModulePatterns("rank_pattern", config.rankPattern);
  const set = settingsOf(method).flatMap((key) => {
    const perModule = value.get(`${key}_pattern`);
    const isEven = !isJsonObject(perModule) || perModule.size === 0;
    const number = isEven ? jsonNumber(value.get(key)) : undefined;
    return number === undefined || number <= 0 ? [] : [number];
  });
  // "mini" and "bat" make other blocks.
  const isOtherBlock = jsonString(value.get("init_weights")) !== undefined;
  const odd = modules.flatMap((module) => {
    const rank = isOtherBlock ? undefined : (ranks.find(modulePath(module.path)) ?? config.r);
    const known = (word: string): readonly number[] => {
      if (word === "set") return set;
      const numbers =
        word === "r" || word.includes("·") ? word.split("·").map((part) => ofWord(part, rank)) : [];
      const product = numbers.reduce<number | undefined>(times, 1);
      return numbers.length === 0 || product === undefined || product <= 0 ? [] : [product];
    };
    const found =
      oddSize(method, module, known) ??
      unevenKronecker(method, module, value.get("decompose_factor")) ??
      tooNarrow(module, shared);
    return found === undefined ? [] : [found];
  });
  const [first] = odd;
  if (first === undefined) return [];
  // What all modules share is no module of its own.
  const count = odd.filter(({ tensor }) => ![...shared.tensors.values()].includes(tensor)).length;
  const many = count < 2 ? "" : ` (so it is in ${count} of ${plural(own.length, "module")})`;
  const message = `${first.tensor.name} is ${formatShape(first.tensor.shape)}: ${whyOdd(method, first)}${many}. PEFT fails to load the adapter (size mismatch).`;
  return [{ severity: "error", code: "AdapterShapes", message, tensor: first.tensor.name }];
}

function times(product: number | undefined, by: number | undefined): number | undefined {
  return product === undefined || by === undefined ? undefined : product * by;
}

function whyOdd(method: string, { word, size, expected, beside }: OddSize): string {
  if (word === "kron")
    return `with its partner it makes a side of ${size}, which PEFT cuts into ${expected} × ${size / expected} (decompose_factor)`;
  const what = word === "r" ? "a rank" : "a size";
  if (word === "rows" && beside !== undefined)
    return `${what} of ${size}, where ${beside.name} (${formatShape(beside.shape)}) has rows for ${expected}`;
  if (beside !== undefined)
    return `${what} of ${size}, where ${beside.name} (${formatShape(beside.shape)}) has ${expected}`;
  if (word.includes("·"))
    return `${what} of ${size}, where the configuration makes it ${expected} (${word.replace(/·1$/, "").replaceAll("·", " · ")})`;
  const setting = word === "r" ? "r" : settingsOf(method).join(", ");
  return `${what} of ${size}, where the configuration says ${setting} ${expected}`;
}

/** VeRA's random matrix has a row for each output of the largest module (tuners/vera/layer.py). */
function tooNarrow({ tensors }: ShapedModule, shared: ShapedModule): OddSize | undefined {
  const [scales, random] = [tensors.get("lambda_b"), shared.tensors.get("B")];
  const [size, rows] = [scales?.shape[0], random?.shape[0]];
  if (scales === undefined || random?.shape.length !== 2 || size === undefined || rows === undefined) return;
  return size <= rows ? undefined : { tensor: scales, word: "rows", size, expected: rows, beside: random };
}

/** The sides of LoKr's two matrices are the factors that PEFT cuts each side of the weight into. */
function unevenKronecker(method: string, { tensors }: ShapedModule, setting: unknown): OddSize | undefined {
  if (method !== "LOKR" || [...tensors.values()].some(({ shape }) => shape.length !== 2)) return undefined;
  const factor = typeof setting === "number" ? setting : -1;
  const sides = (which: string): readonly [number, number, Tensor] | undefined => {
    const whole = tensors.get(which);
    if (whole !== undefined) return [whole.shape[0] as number, whole.shape[1] as number, whole];
    const [left, right] = [tensors.get(`${which}_a`), tensors.get(`${which}_b`)];
    if (left === undefined || right === undefined) return undefined;
    return [left.shape[0] as number, right.shape[1] as number, left];
  };
  const [first, second] = [sides("w1"), sides("w2")];
  if (first === undefined || second === undefined || tensors.has("t2")) return undefined;
  for (const at of [0, 1] as const) {
    const side = first[at] * second[at];
    const expected = factorOf(side, factor);
    if (expected !== first[at])
      return { tensor: second[2], word: "kron", size: side, expected, beside: undefined };
  }
  return undefined;
}

/** The larger sides of weights are below this; the search takes as many steps. */
const maxSide = 1 << 20;

/** The first of the two factors of a side, near `factor` or, for -1, near its root (tuners/lokr/layer.py, factorization). */
function factorOf(side: number, factor: number): number {
  if (side <= 0 || side > maxSide) return side;
  if (factor > 0 && side % factor === 0) return factor;
  const most = factor === -1 ? side : factor;
  let best = 1;
  for (let next = 2; next <= most && next * next <= side; next++) if (side % next === 0) best = next;
  return best;
}
