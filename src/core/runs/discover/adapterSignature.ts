import { formatJson, isJsonArray, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";

/** What tells the adapters of two trainings apart. */
export interface AdapterSignature {
  /** Equal for the checkpoints of one training: method, rank and targets. */
  readonly key: string;
  /** For people, e.g. `r 8, c_attn and c_proj`. */
  readonly label: string;
  /** The whole config, key by key: equal for a copy of a checkpoint. */
  readonly text: string;
}

const maxNamedTargets = 3;

/** Undefined where the config says neither rank nor targets, e.g. mlx-lm's training configuration. */
export function adapterSignature(config: JsonObject): AdapterSignature | undefined {
  const rank = jsonNumber(config.get("r"));
  if (rank === undefined && !config.has("target_modules")) return undefined;
  const targets = config.get("target_modules") ?? null;
  // PEFT writes a set, whose order changes from save to save.
  const names = isJsonArray(targets)
    ? targets.map((name) => jsonString(name) ?? formatJson(name)).sort()
    : undefined;
  const targetText = names?.join(", ") ?? jsonString(targets) ?? "";
  const shown =
    names !== undefined && names.length > maxNamedTargets ? `${names.length} target modules` : targetText;
  const label = [rank === undefined ? "" : `r ${rank}`, shown].filter((part) => part !== "").join(", ");
  return {
    key: JSON.stringify([jsonString(config.get("peft_type")) ?? null, rank ?? null, targetText]),
    label,
    text: [...config]
      .filter(([key]) => key !== "target_modules")
      .map(([key, value]) => `${key}: ${formatJson(value)}`)
      .sort()
      .concat(targetText)
      .join("\n"),
  };
}
