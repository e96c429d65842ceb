import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";

type Fault = Pick<Problem, "code" | "message" | "tensor">;

/** How many inputs the codes of one module are of, and how many groups its scales have. */
interface Grouped {
  readonly scales: Tensor;
  readonly inputs: number;
  readonly groups: number;
}

/**
 * Scales of other groups than config.json says: GPTQ's `scales` have a row for each group of inputs, AWQ's too, and
 * `weight_scale` of compressed-tensors a column.
 */
export function otherGroups(settings: JsonObject, byName: ReadonlyMap<string, Tensor>): readonly Fault[] {
  const said = saidOf(settings);
  if (said === undefined) return [];
  for (const tensor of byName.values()) {
    const found = said.read(tensor, byName);
    if (found === undefined) continue;
    const { scales, inputs, groups } = found;
    // Without groups all inputs share one scale; the last group may be shorter than the others.
    const expected = said.size === undefined ? 1 : Math.ceil(inputs / said.size);
    if (groups === expected || groups < 1) continue;
    const says = said.size === undefined ? "one group for all inputs" : `groups of ${formatCount(said.size)}`;
    const actual =
      groups === 1
        ? "one for all of them"
        : inputs % groups === 0
          ? `groups of ${formatCount(inputs / groups)}`
          : "no even groups";
    const message = `config.json says ${says} (group_size), ${scales.name} has ${plural(groups, "scale")} for ${formatCount(inputs)} inputs: ${actual}. Loaders make ${formatCount(expected)} and stop at the size, or read other values.`;
    return [{ code: "QuantisationDisagrees", message, tensor: scales.name }];
  }
  return [];
}

interface Said {
  /** Undefined for one group. */
  readonly size: number | undefined;
  readonly read: (tensor: Tensor, byName: ReadonlyMap<string, Tensor>) => Grouped | undefined;
}

function saidOf(settings: JsonObject): Said | undefined {
  const method = jsonString(settings.get("quant_method")) ?? "";
  if (/^compressed-tensors$/i.test(method)) return ofCompressed(settings);
  const bits = jsonNumber(settings.get("bits")) ?? jsonNumber(settings.get("w_bit"));
  const size = jsonNumber(settings.get("group_size")) ?? jsonNumber(settings.get("q_group_size"));
  if (bits === undefined || size === undefined || !Number.isInteger(size) || size === 0) return undefined;
  // Layers may have sizes of their own, and kernels orders of their own.
  if (isJsonObject(settings.get("dynamic")) || settings.get("is_marlin_format") === true) return undefined;
  const format = jsonString(settings.get("checkpoint_format")) ?? jsonString(settings.get("version")) ?? "";
  if (/^gptq$/i.test(method) && /^(?:gptq(?:_v2)?)?$/i.test(format))
    return {
      size: size > 0 ? size : undefined,
      read: pair((qweight) => [((qweight[0] ?? 0) * 32) / bits, qweight[1] ?? 0]),
    };
  if (/^awq$/i.test(method) && /^(?:gemm)?$/i.test(format))
    return {
      size: size > 0 ? size : undefined,
      read: pair((qweight) => [qweight[0] ?? 0, ((qweight[1] ?? 0) * 32) / bits]),
    };
  return undefined;
}

/** [in, out] of the codes' shape; scales are [groups, out]. */
function pair(
  sides: (qweight: readonly number[]) => readonly [inputs: number, outputs: number],
): Said["read"] {
  return ({ name, shape }, byName) => {
    if (!name.endsWith(".qweight") || shape.length !== 2) return undefined;
    const scales = byName.get(name.replace(/qweight$/, "scales"));
    const [inputs, outputs] = sides(shape);
    // Another layout than the format says is told by its sides.
    if (scales?.shape.length !== 2 || scales.shape[1] !== outputs || !Number.isInteger(inputs))
      return undefined;
    return { scales, inputs, groups: scales.shape[0] ?? 0 };
  };
}

/** One scheme for all modules, with scales by group: of several, nothing says here which is a module's. */
function ofCompressed(settings: JsonObject): Said | undefined {
  const groups = settings.get("config_groups");
  const [only, ...others] = isJsonObject(groups) ? [...groups.values()] : [];
  const weights = isJsonObject(only) && others.length === 0 ? only.get("weights") : undefined;
  if (!isJsonObject(weights) || jsonString(weights.get("strategy")) !== "group") return undefined;
  const bits = jsonNumber(weights.get("num_bits"));
  const size = jsonNumber(weights.get("group_size"));
  if (bits === undefined || size === undefined || !Number.isInteger(size) || size < 1) return undefined;
  return {
    size,
    read: ({ name, dtype, shape }, byName) => {
      if (!name.endsWith(".weight_packed") || dtype !== "I32" || shape.length !== 2) return undefined;
      const scales = byName.get(name.replace(/weight_packed$/, "weight_scale"));
      if (scales?.shape.length !== 2 || scales.shape[0] !== shape[0]) return undefined;
      // Rows are filled up to whole words: only where they need none is the number of inputs certain.
      const inputs = ((shape[1] ?? 0) * 32) / bits;
      if (!Number.isInteger(inputs) || inputs % size !== 0) return undefined;
      return { scales, inputs, groups: scales.shape[1] ?? 0 };
    },
  };
}

/** Modules that compressed-tensors' `ignore` leaves as they are, and that are packed all the same. */
export function packedThoughIgnored(
  settings: JsonObject,
  byName: ReadonlyMap<string, Tensor>,
): readonly Fault[] {
  const ignored = settings.get("ignore");
  if (!/^compressed-tensors$/i.test(jsonString(settings.get("quant_method")) ?? "")) return [];
  const modules = (isJsonArray(ignored) ? ignored : []).flatMap((entry) => {
    const name = jsonString(entry);
    // What begins with "re:" is an expression of Python's, which is not run here.
    return name === undefined || name.startsWith("re:") ? [] : [name];
  });
  const packed = modules.filter((module) => byName.has(`${module}.weight_packed`));
  const [first] = packed;
  if (first === undefined) return [];
  const more = packed.length > 1 ? ` and ${formatCount(packed.length - 1)} more` : "";
  const message = `config.json leaves ${first}${more} unpacked (ignore), and the weights hold ${first}.weight_packed: loaders look for ${first}.weight there, which is not in the file.`;
  return byName.has(`${first}.weight`)
    ? []
    : [{ code: "QuantisationDisagrees", message, tensor: `${first}.weight_packed` }];
}
