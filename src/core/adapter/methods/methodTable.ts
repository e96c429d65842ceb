import { cannotMerge, type Method } from "./method";
import { mixtureMethods } from "./mixtures";
import { productMethods } from "./products";
import { promptMethods } from "./prompts";
import { transformMethods } from "./transforms";
import { vectorMethods } from "./vectors";

/** Every method that is known by name. A new one is one descriptor here and nothing elsewhere. */
export const methods: readonly Method[] = [
  ...productMethods,
  ...transformMethods,
  ...vectorMethods,
  ...mixtureMethods,
  ...promptMethods,
];

const byId = new Map(methods.map((method) => [method.id, method]));

/** The name of a method as its authors spell it, or the word that the configuration has. */
export function methodName(id: string): string {
  return byId.get(id)?.name ?? id;
}

/** Why an update of the method is not merged by adding it to a weight, as the end of a sentence; undefined where it can be. */
export function whyNotMerged(id: string): string | undefined {
  const method = byId.get(id);
  return method && cannotMerge(method);
}

/** Whether the updates of a method have small factors, as LoRA's. */
export function isProductMethod(id: string): boolean {
  const method = byId.get(id);
  return method !== undefined && method.whyNotMeasured === undefined;
}

const mayBeOtherMethod =
  /hada_|lokr_|oft_|ia3_l|on_input|vera_|prompt_embeddings|hra_u|hira_|vblora|fourierft|waveft|randlora|delora|road_|miss_block|bone_|c3a_|shira_|gralora|trainable_tokens|diff|_norm|xlora|poly_|lily_|osf_|psoft_|glora|adamss|peanut_|frod_|deft_|beft_|tinylora|unilora|ln_tuning|supertuning|adaption_|adapter_(?:down|up)|shadow_|\.(?:a[12]|b[12]|bm)\.weight$/;

const named = methods.filter(({ names }) => names !== undefined);

/** The method that a tensor's name gives away, other than LoRA. */
export function otherMethodOf(name: string): string | undefined {
  if (!mayBeOtherMethod.test(name)) return undefined;
  return named.find(({ names }) => names?.test(name))?.id;
}

/** Whether the base's weights tell what the method changes, where its file alone does not. */
export function isMeasuredOverBase(id: string): boolean {
  return byId.get(id)?.isMeasuredOverBase === true;
}

/** The modules that a method's tensors stand below, by their names. */
export function modulesBelow(id: string, names: readonly string[]): readonly string[] {
  const own = byId.get(id)?.names;
  const ends = names.map((name) => [name, own?.exec(name)?.index ?? 0] as const);
  return [...new Set(ends.flatMap(([name, end]) => (end > 0 ? [name.slice(0, end)] : [])))];
}

/** Whether none of the names is one that the method gives; false where it is not told from names. */
export function isForeignTo(id: string, names: readonly string[]): boolean {
  const own = byId.get(id)?.names;
  return own !== undefined && names.length > 0 && !names.some((name) => own.test(name));
}

/** What is said of a method that is shown without spectra. @param found Why, where it is this file's doing. */
export function whyNotMeasured(id: string, found?: string): string {
  const over = isMeasuredOverBase(id)
    ? " Held against its base model it tells how far each weight moves."
    : "";
  return `${whyNoFactors(id, found)} Its tensors are listed; update spectra and comparisons are not available.${over}`;
}

/** Why a method has no small factors, and what it trains instead. */
export function whyNoFactors(id: string, found?: string): string {
  const { name = id, trains, whyNotMeasured: reason } = byId.get(id) ?? {};
  const why = reason ?? found ?? "does not add one plain product of two factors to each module's weight";
  const what = trains === undefined || why.startsWith("trains") ? "" : ` It trains ${trains}.`;
  return `${name} ${why}.${what}`;
}
