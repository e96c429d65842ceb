import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";

type Fault = Pick<Problem, "code" | "message" | "tensor">;
type ByName = ReadonlyMap<string, Tensor>;

const methodOf = (settings: JsonObject) => (jsonString(settings.get("quant_method")) ?? "").toLowerCase();

/** The module's name without its layers' numbers. */
const kindOf = (module: string) => module.replace(/\.\d+(?=\.)/g, ".*");

/**
 * Modules whose twins in other layers are packed, and that are plain without being in compressed-tensors' `ignore`:
 * loaders make a packed one of each that `targets` takes.
 */
export function plainThoughNotIgnored(settings: JsonObject, byName: ByName): readonly Fault[] {
  if (methodOf(settings) !== "compressed-tensors") return [];
  const listed = settings.get("ignore");
  const ignored = new Set((isJsonArray(listed) ? listed : []).flatMap((entry) => jsonString(entry) ?? []));
  // What begins with "re:" is an expression of Python's, which is not run here.
  if ([...ignored].some((name) => name.startsWith("re:")) || !takesAllLinear(settings)) return [];
  const packed = new Set<string>();
  for (const name of byName.keys())
    if (name.endsWith(".weight_packed")) packed.add(kindOf(name.slice(0, -".weight_packed".length)));
  if (packed.size === 0) return [];
  const plain = [...byName.values()].flatMap(({ name, dtype, shape }) => {
    const module = name.replace(/\.weight$/, "");
    const isPlain = module !== name && shape.length === 2 && /^(?:BF16|F16|F32)$/.test(dtype);
    return isPlain && packed.has(kindOf(module)) && !byName.has(`${module}.weight_packed`) ? [module] : [];
  });
  // Loaders rename what lies in front of the layers, in both lists.
  const left = new Set([...ignored].map(behindLayers));
  const found = plain.filter((module) => !ignored.has(module) && !left.has(behindLayers(module)));
  const [first] = found;
  if (first === undefined) return [];
  const more = found.length > 1 ? ` and ${formatCount(found.length - 1)} more` : "";
  const message = `${first}${more} ${found.length > 1 ? "are" : "is"} plain, the same in other layers is packed, and config.json does not leave it out (ignore): loaders look for ${first}.weight_packed, which is not in the file.`;
  return [{ code: "QuantisationDisagrees", message, tensor: `${first}.weight` }];
}

const behindLayers = (module: string) => module.replace(/^.*?(?=\blayers\.)/, "");

/** One scheme for all linear layers: of several, nothing says here which is a module's. */
function takesAllLinear(settings: JsonObject): boolean {
  const groups = settings.get("config_groups");
  const [only, ...others] = isJsonObject(groups) ? [...groups.values()] : [];
  const targets = isJsonObject(only) && others.length === 0 ? only.get("targets") : undefined;
  return isJsonArray(targets) && targets.some((target) => jsonString(target) === "Linear");
}

/** FP8 with a scale for each block: [ceil(out / rows), ceil(in / columns)] of them, as DeepSeek's kernels read them. */
export function otherBlocks(settings: JsonObject, byName: ByName): readonly Fault[] {
  const said = settings.get("weight_block_size");
  const [rows, columns] = isJsonArray(said) ? said.map((size) => jsonNumber(size)) : [];
  if (
    methodOf(settings) !== "fp8" ||
    !(rows !== undefined && rows > 0) ||
    !(columns !== undefined && columns > 0)
  )
    return [];
  for (const { name, shape, dtype } of byName.values()) {
    const [outputs, inputs] = shape;
    if (!name.endsWith(".weight") || !/^F8_E/.test(dtype) || shape.length !== 2) continue;
    const scales = byName.get(`${name}_scale_inv`);
    if (scales?.shape.length !== 2 || outputs === undefined || inputs === undefined) continue;
    const expected = [Math.ceil(outputs / rows), Math.ceil(inputs / columns)];
    if (expected.every((size, axis) => size === scales.shape[axis])) continue;
    const message = `config.json says blocks of ${formatShape([rows, columns])} (weight_block_size), and ${scales.name} is ${formatShape(scales.shape)} for ${formatShape(shape)}: loaders expect ${formatShape(expected)}, and stop at the size or read other values.`;
    return [{ code: "QuantisationDisagrees", message, tensor: scales.name }];
  }
  return [];
}

/** GPTQ that took inputs by their importance (desc_act) says in `g_idx` which group each is of. */
export function orderLost(settings: JsonObject, byName: ByName): readonly Fault[] {
  if (methodOf(settings) !== "gptq" || settings.get("desc_act") !== true) return [];
  // In one group there is no order to lose.
  if ((jsonNumber(settings.get("group_size")) ?? -1) < 1) return [];
  const names = [...byName.keys()];
  const first = names.find((name) => name.endsWith(".qweight"));
  if (first === undefined || names.some((name) => name.endsWith(".g_idx"))) return [];
  const message = `config.json says desc_act, and no module has its g_idx, which says the group of each input: loaders stop, or take the groups in order and read other values.`;
  return [{ code: "CodesWithoutScale", message, tensor: first }];
}

/** NVFP4's scales of groups (FP8 of 4 bits of exponent) are themselves in units of one scale for the whole weight. */
export function globalScaleLost(settings: JsonObject, byName: ByName): readonly Fault[] {
  if (methodOf(settings) !== "compressed-tensors") return [];
  const modules = [...byName.values()].flatMap(({ name, dtype }) => {
    const module = name.slice(0, -".weight_packed".length);
    const isCodes = name.endsWith(".weight_packed") && dtype === "U8";
    return isCodes && byName.get(`${module}.weight_scale`)?.dtype === "F8_E4M3" ? [module] : [];
  });
  const without = modules.filter((module) => !byName.has(`${module}.weight_global_scale`));
  const [first] = without;
  if (first === undefined) return [];
  const more = without.length > 1 ? ` and ${formatCount(without.length - 1)} more` : "";
  const message = `Of ${formatCount(modules.length)} NVFP4 weights ${formatCount(without.length)} ${without.length === 1 ? "has" : "have"} no weight_global_scale (${first}${more}): no values can be made of ${without.length === 1 ? "it" : "them"}.`;
  return [{ code: "CodesWithoutScale", message, tensor: `${first}.weight_packed` }];
}
