import { isJsonArray } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { lastPart } from "../../text/lastPart";
import { plural } from "../../text/quantities";
import { quoteSome } from "../../text/quote";
import type { HealthSubject } from "../healthSubject";

/** What PEFT adapts where nothing is named, one choice for each kind of model (utils/constants.py of PEFT 0.21). */
const choices: readonly (readonly string[])[] = [
  ["q", "v", "q_proj", "v_proj"],
  ["q_proj", "v_proj", "fc1", "fc2"],
  ["q_proj", "k_proj", "v_proj", "o_proj"],
  ["r_proj", "k_proj", "v_proj", "o_proj", "key", "value"],
  ["key", "value", "receptance", "output"],
  ["c_proj", "c_attn"],
  ["query", "value"],
  ["query_proj", "value_proj"],
  ["query_key_value"],
  ["qkv_proj"],
  ["in_proj"],
  ["Wqkv"],
];

/** A LoRA whose configuration leaves the modules to PEFT, which then takes its choice for the model's type. */
export function unnamedTargets({
  adapter,
  adapterConfig: config,
  folder,
}: HealthSubject): readonly Problem[] {
  const written = folder.adapterConfig?.value;
  if (adapter === undefined || config?.peftType !== "LORA" || written === undefined) return [];
  // Parameters alone need no module.
  if (config.targetParameters.length > 0) return [];
  const targets = written.get("target_modules") ?? null;
  if (isJsonArray(targets) && targets.length === 0) {
    const message =
      "target_modules is an empty list: PEFT fails to load the adapter (No target_modules passed).";
    return [{ severity: "error", code: "TargetsNotNamed", message }];
  }
  if (targets !== null) return [];
  const names = [...new Set(adapter.modules.map(({ module }) => lastPart(module.replace(/ \(.*\)$/, ""))))];
  if (names.length === 0) return [];
  const fitting = choices.filter((choice) => names.some((name) => choice.includes(name)));
  const most = Math.max(0, ...fitting.map((choice) => names.filter((name) => choice.includes(name)).length));
  const start =
    "The configuration names no target_modules: PEFT takes its own choice for the type of the base model";
  if (most === names.length) {
    const message = `${start}, which was not checked; factors of other modules it leaves out without a word.`;
    return [{ severity: "info", code: "TargetsNotNamed", message }];
  }
  const message = `${start}, and no choice of PEFT's has all ${plural(names.length, "kind")} of module that the file holds (${quoteSome(names)}): it leaves the factors of the others out without a word, or fails.`;
  return [{ severity: most === 0 ? "error" : "warning", code: "TargetsNotNamed", message }];
}
