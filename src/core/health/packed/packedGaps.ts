import { isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { type HealthSubject, isOfTransformers, isWhole } from "../healthSubject";
import { otherGroups, packedThoughIgnored } from "./groupSizes";
import { quantisationOf } from "./quantisationSettings";
import { globalScaleLost, orderLost, otherBlocks, plainThoughNotIgnored } from "./quantisedOtherwise";

interface Companions {
  /** Of the codes: the name behind that of the module. */
  readonly codes: RegExp;
  readonly dtypes: RegExp;
  /** As `quant_method` has it; undefined where the names alone say enough. */
  readonly method?: RegExp;
  /** One of these must lie beside the codes. */
  readonly needed: readonly string[];
  /** These must where others have them: some settings do without. */
  readonly usual: readonly string[];
}

/** What codes are no values without, by the names that the libraries write (see `tensors/packed/packings.ts`). */
const companions: readonly Companions[] = [
  { codes: /\.qweight$/, dtypes: /^[IU]32$/, needed: [".scales"], usual: [".qzeros"] },
  {
    codes: /\.weight_packed$/,
    dtypes: /^I32$/,
    needed: [".weight_scale", ".scale_packed"],
    usual: [".weight_shape"],
  },
  { codes: /\.weight_packed$/, dtypes: /^U8$/, needed: [".weight_scale"], usual: [] },
  { codes: /_blocks$/, dtypes: /^U8$/, needed: ["_scales"], usual: [] },
  {
    codes: /\.weight$/,
    dtypes: /^F8_E/,
    needed: [".weight_scale_inv", ".weight_scale", ".scale_weight", ".weight_scale_2", ".scale"],
    usual: [],
  },
  {
    codes: /\.weight$/,
    dtypes: /^U8$/,
    method: /^(?:bitsandbytes|bnb)/i,
    needed: [".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4"],
    usual: [".weight.absmax"],
  },
  { codes: /\.weight$/, dtypes: /^I8$/, method: /^(?:bitsandbytes|bnb)/i, needed: [".SCB"], usual: [] },
  {
    codes: /\.weight$/,
    dtypes: /^I8$/,
    method: /^compressed-tensors$/i,
    needed: [".weight_scale"],
    usual: [],
  },
];

/**
 * Codes without the scales that make values of them, and codes of another width than config.json says: a loader stops
 * at them, or takes them for the weights.
 */
export function packedGaps(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  const config = folder.config?.value;
  if (config === undefined || !isOfTransformers(subject) || !isWhole(subject)) return [];
  const said = quantisationOf(config);
  const settings: JsonObject = isJsonObject(said) ? said : new Map();
  const byName = new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
  const found = [
    ...companions.flatMap((kind) => lacking(kind, settings, byName)),
    ...otherWidth(settings, byName),
    ...otherGroups(settings, byName),
    ...packedThoughIgnored(settings, byName),
    ...plainThoughNotIgnored(settings, byName),
    ...otherBlocks(settings, byName),
    ...orderLost(settings, byName),
    ...globalScaleLost(settings, byName),
  ];
  return found.map((problem) => ({ ...problem, severity: "error", file: checkpoint.path }));
}

type Fault = Pick<Problem, "code" | "message" | "tensor">;

function lacking(
  { codes, dtypes, method, needed, usual }: Companions,
  settings: JsonObject,
  byName: ReadonlyMap<string, Tensor>,
): readonly Fault[] {
  const by = jsonString(settings.get("quant_method")) ?? "";
  if (method !== undefined && !method.test(by)) return [];
  const modules = [...byName.values()].flatMap(({ name, dtype }) =>
    codes.test(name) && dtypes.test(dtype) ? [{ name, module: name.replace(codes, "") }] : [],
  );
  const has = (module: string, ending: string) => byName.has(`${module}${ending}`);
  const hasOne = ({ module }: { module: string }) => needed.some((ending) => has(module, ending));
  // Where none has a scale, a cast to few bits left plain values; a configuration of codes says otherwise.
  const areCodes = settings.size > 0 || modules.some(hasOne);
  const without = areCodes ? modules.filter((module) => !hasOne(module)) : [];
  const faults =
    without.length === 0 ? [] : [fault(without, modules.length, nameOf(needed, modules, byName))];
  for (const ending of usual) {
    const bare = modules.filter((module) => hasOne(module) && !has(module.module, ending));
    if (bare.length > 0 && bare.length < modules.length - without.length)
      faults.push(fault(bare, modules.length, ending));
  }
  return faults;
}

/** The one of several endings that the other modules have. */
function nameOf(
  needed: readonly string[],
  modules: readonly { readonly module: string }[],
  byName: ReadonlyMap<string, Tensor>,
): string {
  const used = needed.find((ending) => modules.some(({ module }) => byName.has(`${module}${ending}`)));
  return used ?? needed[0] ?? "";
}

const maxNamed = 3;

function fault(
  without: readonly { readonly name: string; readonly module: string }[],
  count: number,
  ending: string,
): Fault {
  const named = without.slice(0, maxNamed).map(({ name }) => name);
  const more = without.length > maxNamed ? ` and ${formatCount(without.length - maxNamed)} more` : "";
  const message = `Of ${plural(count, "quantised weight")} ${formatCount(without.length)} ${without.length === 1 ? "has" : "have"} no ${ending.replace(/^[._]/, "")} beside the codes (${named.join(", ")}${more}): no values can be made of ${without.length === 1 ? "it" : "them"}, and a loader that does not stop takes the codes for weights.`;
  return { code: "CodesWithoutScale", message, tensor: named[0] ?? "" };
}

/** GPTQ and AWQ pack each column's zero point as they pack its weights: as many words as columns need at that width. */
function otherWidth(settings: JsonObject, byName: ReadonlyMap<string, Tensor>): readonly Fault[] {
  const bits = jsonNumber(settings.get("bits")) ?? jsonNumber(settings.get("w_bit"));
  const isKnown = /^(?:gptq|awq)$/i.test(jsonString(settings.get("quant_method")) ?? "");
  // Layers may have widths of their own.
  if (!isKnown || bits === undefined || isJsonObject(settings.get("dynamic"))) return [];
  for (const { name, shape } of byName.values()) {
    if (!name.endsWith(".qzeros") || shape.length !== 2) continue;
    const scales = byName.get(name.replace(/qzeros$/, "scales"));
    const columns = scales?.shape.length === 2 ? (scales.shape[1] ?? 0) : 0;
    const actual = columns === 0 ? 0 : ((shape[1] ?? 0) * 32) / columns;
    if (!Number.isInteger(actual) || actual < 2 || actual > 8 || actual === bits) continue;
    const message = `config.json says ${plural(bits, "bit")}, ${name} is packed at ${formatCount(actual)}: loaders read other codes than were written, or stop at the shapes.`;
    return [{ code: "QuantisationDisagrees", message, tensor: name }];
  }
  return [];
}
