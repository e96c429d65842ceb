import { readFileSync } from "node:fs";
import { parseAdapterConfig } from "../../src/core/adapter/adapterConfig";
import { parseJson } from "../../src/core/json/parseJson";
import { parseTrainerState } from "../../src/core/progress/trainerState";
import type { CorpusFile } from "./corpusFolder";
import { parsePythonJson } from "./pythonJson";
import { Comparison, type Verdict } from "./verdict";

type Row = Readonly<Record<string, unknown>>;

interface StateText {
  readonly global_step?: number;
  readonly log_history?: readonly Row[];
}

/** A text that was cut ends here at its last whole log entry. */
function parseCutState(text: string): StateText {
  return parsePythonJson(`${text.slice(0, text.lastIndexOf("}") + 1)}]}`) as StateText;
}

export function checkTrainerState(file: CorpusFile): Verdict {
  const text = readFileSync(file.absolutePath, "utf8");
  const comparison = new Comparison();
  const state = parseTrainerState(text, file.absolutePath);
  let whole = true;
  let expected: StateText;
  try {
    expected = parsePythonJson(text) as StateText;
  } catch {
    expected = parseCutState(text);
    whole = false;
  }
  const codes = state.problems.map(({ code }) => code);
  comparison.equal("problems", codes, whole ? [] : ["TrainerStateTruncated"]);
  comparison.equal("global_step", state.globalStep, expected.global_step);
  const rows = (expected.log_history ?? []).filter(isPoint);
  comparison.equal("number of log entries", state.log.length, rows.length);
  for (const key of ["loss", "eval_loss", "learning_rate", "grad_norm"]) {
    const found = state.log.flatMap(({ step, values }) => (values.has(key) ? [[step, values.get(key)]] : []));
    const wanted = rows.flatMap((row) => (typeof row[key] === "number" ? [[row.step, row[key]]] : []));
    comparison.equal(`number of ${key} values`, found.length, wanted.length);
    comparison.equal(`first ${key}`, found[0], wanted[0]);
    comparison.equal(`last ${key}`, found.at(-1), wanted.at(-1));
  }
  compareWords(file.expectation, state.log, comparison);
  const { differences } = comparison;
  return whole
    ? { outcome: "agreed", differences }
    : { outcome: "refused", reason: "TrainerStateTruncated, shown as far as it goes", differences };
}

/** The summary that is written when training ends is no point of any metric. */
function isPoint(row: Row): boolean {
  const metrics = Object.keys(row).filter((key) => key !== "step" && key !== "epoch");
  return metrics.length > 0 && !metrics.includes("train_runtime");
}

/** The manifest's words, such as `loss NaN at 10, -inf at 20`. */
function compareWords(
  words: string,
  log: ReturnType<typeof parseTrainerState>["log"],
  comparison: Comparison,
): void {
  for (const [, text, step] of words.matchAll(/(NaN|-?inf) at (\d+)/g)) {
    const value = log.find((entry) => entry.step === Number(step))?.values.get("loss");
    comparison.equal(`loss at ${step}`, value, Number(text?.replace("inf", "Infinity")));
  }
}

interface ConfigText {
  readonly r?: unknown;
  readonly lora_alpha?: unknown;
  /** LoHa's, LoKr's and GraLoRA's name for it; what it means to other methods is not read. */
  readonly alpha?: unknown;
  readonly target_modules?: unknown;
  readonly peft_type?: unknown;
  readonly lora_parameters?: { readonly rank?: unknown; readonly alpha?: unknown };
}

export function checkAdapterConfig(file: CorpusFile): Verdict {
  const text = readFileSync(file.absolutePath, "utf8");
  const comparison = new Comparison();
  const config = parseAdapterConfig(parseJson(text).value);
  const expected = JSON.parse(text) as ConfigText;
  const mlx = expected.lora_parameters;
  const namesItAlpha = ["LOHA", "LOKR", "GRALORA"].includes(String(expected.peft_type));
  const alpha = namesItAlpha ? expected.alpha : mlx?.alpha;
  comparison.equal("r", config.r, expected.r ?? mlx?.rank ?? undefined);
  comparison.equal("lora_alpha", config.loraAlpha, expected.lora_alpha ?? alpha ?? undefined);
  comparison.equal("target_modules", config.targetModules, expected.target_modules ?? undefined);
  if (expected.peft_type !== undefined) comparison.equal("peft_type", config.peftType, expected.peft_type);
  return { outcome: "agreed", differences: comparison.differences };
}
