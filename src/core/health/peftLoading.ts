import type { AdapterConfig } from "../adapter/adapterConfig";
import type { LoraModule } from "../adapter/loraModule";
import { methodName } from "../adapter/methods/methodTable";
import { isTokenRows, tokenRowsOf } from "../adapter/trainableTokens";
import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonNumber,
  jsonString,
} from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";
import { type HealthSubject, isPeftFile, isWhole } from "./healthSubject";

/** A file that PEFT is what loads it, by its name and those of its tensors. */
export function isOfPeft({ checkpoint, adapter }: HealthSubject): boolean {
  return (
    adapter?.dialect === "peft" &&
    !adapter.carriesModel &&
    isPeftFile(checkpoint.name) &&
    checkpoint.tensors.some(({ name }) => name.startsWith("base_model.model."))
  );
}

/**
 * What PEFT fails at, or draws at random, or leaves out, as it makes an adapter of its configuration and fills it from
 * the file (`PeftModel.from_pretrained`); each was seen with PEFT 0.21.
 */
export function peftLoading(subject: HealthSubject): readonly Problem[] {
  const { adapter, adapterConfig: config, folder } = subject;
  if (adapter === undefined || config === undefined || folder.adapterConfig === undefined) return [];
  if (!isOfPeft(subject) && !isOfMatrices(subject)) return [];
  // mlx-lm writes a configuration of its own under this name; a cut one says nothing of what it lacks.
  if (config.mlx !== undefined || folder.problems.some(({ severity }) => severity === "error")) return [];
  return [
    ...settings(subject),
    ...(isWhole(subject) ? [...adaloraValues(config, adapter.modules), ...tokenCounts(subject, config)] : []),
    ...unusedMagnitudes(config, adapter.modules),
    ...unnamedBase(subject),
  ];
}

/** Methods whose configuration has `alpha`, which is divided by the rank. */
const scaledByAlpha: ReadonlySet<string> = new Set(["LOHA", "LOKR", "GRALORA"]);

/** Further methods that ask for a positive rank (`r should be a positive integer value`, tuners/METHOD/layer.py). */
const ranked: ReadonlySet<string> = new Set([
  "ADALORA",
  "DELORA",
  "HIRA",
  "HRA",
  "MISS",
  "VERA",
  "PVERA",
  "RANDLORA",
  "VBLORA",
  "SHIRA",
  "DEFT",
]);

/** LoHa and LoKr are named as LyCORIS names them, below PEFT's name of the model. */
function isOfMatrices({ checkpoint, adapter }: HealthSubject): boolean {
  const { tensors, name } = checkpoint;
  return (
    adapter?.dialect === "lycoris" &&
    isPeftFile(name) &&
    tensors.every((tensor) => tensor.name.startsWith("base_model.model."))
  );
}

/** Settings without which PEFT makes no adapter at all. */
function settings({ folder, adapterConfig, adapter }: HealthSubject): readonly Problem[] {
  const value = folder.adapterConfig?.value;
  const type = jsonString(value?.get("peft_type"));
  if (value === undefined) return [];
  if (type === undefined)
    return [failing(`has no peft_type, which PEFT asks for first (KeyError: 'peft_type')`)];
  if (type !== type.toUpperCase())
    return [failing(`says peft_type ${quote(type)}; PEFT knows ${quote(type.toUpperCase())} alone`)];
  const method = adapterConfig?.peftType ?? "";
  const modules = adapter?.modules ?? [];
  const r = jsonNumber(value.get("r"));
  const alpha = method === "LORA" ? "lora_alpha" : "alpha";
  const written = value.get(alpha);
  const isScaled = method === "LORA" || scaledByAlpha.has(method);
  if (isScaled && written !== undefined && jsonNumber(written) === undefined && typeof written !== "boolean")
    return [failing(`says ${alpha} ${asWritten(written)}, by which no scale can be computed (TypeError)`)];
  const isRanked = method === "LORA" || scaledByAlpha.has(method) || ranked.has(method);
  if (isRanked && (value.get("r") === null || (r !== undefined && r <= 0)))
    return [failing(`says r ${r ?? "null"}, and PEFT asks for a positive rank`)];
  return method === "LORA" ? unusable(value, modules) : [];
}

/** Settings that PEFT reads without asking whether they are there, and numbers of patterns that it computes with. */
function unusable(value: JsonObject, modules: readonly LoraModule[]): readonly Problem[] {
  for (const name of ["rank_pattern", "alpha_pattern", "bias", "lora_dropout"])
    if (value.get(name) === null) return [failing(`says ${name} null, where PEFT asks for a value`)];
  for (const name of ["rank_pattern", "alpha_pattern"]) {
    const pattern = value.get(name);
    for (const [key, number] of isJsonObject(pattern) ? pattern : []) {
      const isMatched = modules.some(({ module }) => module === key || module.endsWith(`.${key}`));
      if (isMatched && jsonNumber(number) === undefined && typeof number !== "boolean")
        return [
          failing(`says ${asWritten(number)} for ${quote(key)} in ${name}, where PEFT asks for a number`),
        ];
    }
  }
  return [];
}

function asWritten(value: JsonValue): string {
  if (value === null) return "null";
  return typeof value === "string" ? quote(value) : isJsonArray(value) ? "a list" : "an object";
}

function failing(what: string): Problem {
  const message = `adapter_config.json ${what}: PEFT fails to load the adapter.`;
  return { severity: "error", code: "PeftRefuses", message };
}

function adaloraValues(config: AdapterConfig, modules: readonly LoraModule[]): readonly Problem[] {
  const bare = modules.filter(({ diagonal, parts, made }) => !(diagonal ?? parts ?? made));
  const [first] = bare;
  if (config.peftType !== "ADALORA" || first === undefined) return [];
  const message = `The configuration announces ${methodName("ADALORA")}, and ${bare.length} of ${plural(modules.length, "module")} ${bare.length === 1 ? "lacks" : "lack"} its values (lora_E), first ${first.module}: PEFT would draw them at random. Factors alone are what peft_type "LORA" says.`;
  return [{ severity: "error", code: "AdaloraWithoutValues", message, tensor: first.a.name }];
}

/** Rows are filled in by their number, so that one more or less than the configuration lists fails. */
function tokenCounts({ checkpoint }: HealthSubject, config: AdapterConfig): readonly Problem[] {
  return checkpoint.tensors.filter(isTokenRows).flatMap((tensor): readonly Problem[] => {
    const path = tensor.name.replace(/^(?:base_model\.model\.)+/, "");
    const embedding = path.replace(/(?:\.token_adapter)?\.trainable_tokens_delta\b.*$/, "");
    const ids = tokenRowsOf(config, embedding);
    const [rows] = tensor.shape;
    if (ids === undefined || rows === undefined || ids.length === 0 || ids.length === rows) return [];
    const message = `${tensor.name} holds ${plural(rows, "row")} for the ${plural(ids.length, "token")} that the configuration lists: PEFT fails to load the adapter (size mismatch).`;
    return [{ severity: "error", code: "PeftRefuses", message, tensor: tensor.name }];
  });
}

function unusedMagnitudes(config: AdapterConfig, modules: readonly LoraModule[]): readonly Problem[] {
  const [first] = modules.flatMap(({ magnitude }) => magnitude ?? []);
  if (config.useDora || config.peftType !== "LORA" || first === undefined) return [];
  const count = modules.filter(({ magnitude }) => magnitude !== undefined).length;
  const message = `The file holds DoRA's magnitudes of ${plural(count, "module")}, and use_dora is not true: PEFT leaves them out without a word, so that another update is loaded than was trained.`;
  return [{ severity: "warning", code: "DoraNotUsed", message, tensor: first.name }];
}

/** PEFT writes null where the model it trained had no name, such as one that was made of a configuration. */
function unnamedBase({ folder }: HealthSubject): readonly Problem[] {
  if (folder.adapterConfig?.value.get("base_model_name_or_path") !== null) return [];
  const message =
    "The configuration does not name the base model (base_model_name_or_path): who loads the adapter has to know it.";
  return [{ severity: "info", code: "BaseNotNamed", message }];
}
