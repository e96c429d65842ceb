import { isTokenRows } from "../adapter/trainableTokens";
import { jsonString } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { quoteSome } from "../text/quote";
import { type HealthSubject, isWhole } from "./healthSubject";

/** What an adapter's configuration says was trained and the file does not hold. */
export function announcedTensors(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapter, adapterConfig: config, folder } = subject;
  if (adapter === undefined || config === undefined || adapter.dialect !== "peft") return [];
  if (!isWhole(subject) || adapter.modules.length === 0 || config.mlx !== undefined) return [];
  // Factors of a module are not the module itself.
  const names = checkpoint.tensors.flatMap(({ name }) => (/\.lora_/.test(name) ? [] : [name]));
  const segments = new Set(names.flatMap((name) => name.split(".")));
  // PEFT adds both names of heads for classification, of which a model has one.
  const isHead = (entry: string) => entry === "classifier" || entry === "score";
  const hasHead = segments.has("classifier") || segments.has("score");
  const lost = config.modulesToSave.filter((entry) => !holds(entry) && !(isHead(entry) && hasHead));
  function holds(entry: string): boolean {
    if (!entry.includes(".")) return segments.has(entry);
    return names.some((name) => name.includes(`${entry}.`));
  }
  // PEFT adds the names of heads to what is saved whole where the task is to classify.
  const classifies = /^(?:SEQ|TOKEN)_CLS$/.test(
    jsonString(folder.adapterConfig?.value.get("task_type")) ?? "",
  );
  const isHeadless = classifies && !checkpoint.tensors.some(({ name }) => anyHead.test(name));
  return [
    ...(lost.length === 0 && isHeadless ? [headLost()] : []),
    ...(lost.length > 0 ? [savedModules(lost)] : []),
    ...(config.trainableTokens.length > 0 && !checkpoint.tensors.some(isTokenRows)
      ? [tokenRows(config.trainableTokens.length)]
      : []),
  ];
}

const anyHead = /score|classif|head|logits|\bcls\b/i;

function headLost(): Problem {
  const message =
    "The configuration says that the adapter classifies (task_type), and the file holds no head (score or classifier): PEFT initialises one at random, and what was trained there is lost.";
  return { severity: "warning", code: "SavedModulesMissing", message };
}

function savedModules(lost: readonly string[]): Problem {
  const shown = quoteSome(lost);
  const message = `The configuration says that ${plural(lost.length, "module is", "modules are")} saved whole (modules_to_save: ${shown}), and the file holds none of ${lost.length === 1 ? "its" : "their"} weights: what was trained there is lost.`;
  return { severity: "warning", code: "SavedModulesMissing", message };
}

function tokenRows(count: number): Problem {
  const message = `The configuration says that ${plural(count, "row")} of the embedding ${count === 1 ? "is" : "are"} trained (trainable_token_indices), and the file holds none: what was trained there is lost.`;
  return { severity: "warning", code: "SavedModulesMissing", message };
}
