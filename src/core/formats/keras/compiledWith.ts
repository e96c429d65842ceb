import { isJsonObject, type JsonValue, jsonIn, jsonString } from "../../json/parseJson";
import type { CompiledOptimizer } from "./numberedMoments";

/**
 * What the model was compiled with; of an optimizer that scales the loss the one inside it.
 * @param config JSON, which a file keeps beside its weights
 * @param path of the optimizer in it
 */
export function compiledWith(
  config: string | undefined,
  ...path: readonly string[]
): CompiledOptimizer | undefined {
  const below = (value: JsonValue | undefined, ...keys: readonly string[]) =>
    keys.reduce<JsonValue | undefined>((at, key) => (isJsonObject(at) ? at.get(key) : undefined), value);
  const outer = below(jsonIn(config ?? ""), ...path);
  const optimizer = below(outer, "config", "inner_optimizer") ?? outer;
  // `Custom>AdamW` where a package registered it.
  const className = jsonString(below(optimizer, "class_name"))?.replace(/^.*>/, "");
  if (className === undefined) return undefined;
  const said = (key: string) => below(optimizer, "config", key);
  const momentum = said("momentum");
  return {
    className,
    keepsAverage: said("use_ema") === true,
    accumulates: typeof said("gradient_accumulation_steps") === "number",
    ...(typeof momentum === "number" ? { hasMomentum: momentum !== 0 } : {}),
    isCentered: said("centered") === true,
  };
}
