import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import { isDora } from "../adapter/methods/variants";
import type { Problem } from "../problem/problem";
import { quote } from "../text/quote";
import type { HealthSubject } from "./healthSubject";

/** The day of the facts, which docs/serving.md gives with their sources; servers change. */
export const servingFactsOf = "2026-11-29";

/** Modules of decoders; what paints pictures is served by other programs. */
const decoderModule =
  /(?:^|\.)(?:layers|h|blocks)\.\d+\..*(?:attn|attention|mlp|q_proj|v_proj|feed_forward|experts)/;

/** What vLLM takes as `max_lora_rank`. */
const vllmRanks = [8, 16, 32, 64, 128, 256, 320, 512];
const vllmDefaultRank = 16;

/** What servers of language models refuse or get wrong of an adapter of PEFT's, by its configuration and its names. */
export function servingLimits({
  checkpoint,
  adapter,
  adapterConfig,
  folder,
}: HealthSubject): readonly Problem[] {
  if (adapter === undefined || adapterConfig?.peftType === undefined || adapter.carriesModel) return [];
  if (adapter.dialect !== "peft" || !isOfLanguage(adapter, adapterConfig)) return [];
  const names = checkpoint.tensors.map(({ name }) => name);
  const served: readonly (readonly [string, readonly string[]])[] = [
    ["vLLM", vllmLimits(adapter, adapterConfig, names)],
    ["llama.cpp's convert_lora_to_gguf.py", llamaLimits(adapterConfig, names)],
    [
      "SGLang",
      sglangLimits(
        adapterConfig,
        folder.files.some(({ name }) => name === "added_tokens.json"),
      ),
    ],
  ];
  return served.flatMap(([program, limits]) => {
    if (limits.length === 0) return [];
    const message = `${program}, as read on ${servingFactsOf} and not run here: ${limits.join("; ")}.`;
    return [{ severity: "info", code: "Serving", message }];
  });
}

function isOfLanguage({ modules }: Adapter, { taskType }: AdapterConfig): boolean {
  if (taskType !== undefined) return taskType === "CAUSAL_LM" || taskType === "SEQ_CLS";
  return modules.some(({ module }) => decoderModule.test(module));
}

function vllmLimits(adapter: Adapter, config: AdapterConfig, names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !vllmName.test(name));
  return [
    ...(config.peftType === "LORA"
      ? rankLimit(config.r)
      : [`peft_type ${config.peftType} is none that it serves`]),
    ...(isDora(config, adapter.modules) ? ["refuses DoRA"] : []),
    ...(config.modulesToSave.length > 0
      ? [`refuses modules_to_save (${config.modulesToSave.join(", ")})`]
      : []),
    ...(hasBias(config) ? [`newer versions refuse bias ${quote(config.bias ?? "")}`] : []),
    ...(config.alphaPattern.size > 0
      ? ["leaves alpha_pattern out, so that those scales are silently wrong"]
      : []),
    ...(config.rankPattern.size > 0 ? ["leaves rank_pattern out: r alone is compared with its limit"] : []),
    ...(config.peftType === "LORA" && unknown !== undefined
      ? [`refuses or skips names such as ${quote(unknown)}`]
      : []),
  ];
}

/** What vLLM takes as factors. */
const vllmName = /\.lora_(?:A|B)\.weight$|\.lora_embedding_[AB]$/;

function rankLimit(r: number | undefined): readonly string[] {
  if (r === undefined || r <= vllmDefaultRank) return [];
  const option = vllmRanks.find((rank) => rank >= r);
  return option === undefined
    ? [`refuses rank ${r}: --max-lora-rank goes up to ${vllmRanks.at(-1)}`]
    : [`needs --max-lora-rank ${option} for rank ${r} (the default is ${vllmDefaultRank})`];
}

/** What the converter takes; anything else ends it. */
const llamaName =
  /\.lora_(?:A|B)\.weight$|\.lora_embedding_[AB](?:\.weight)?$|\.base_layer\.weight$|_layernorm|\.norm/;

function llamaLimits(config: AdapterConfig, names: readonly string[]): readonly string[] {
  const unknown = names.filter((name) => !llamaName.test(name));
  return [
    ...(unknown.length > 0
      ? [
          `stops at ${unknown.length} of ${names.length} names that it does not know, first ${quote(unknown[0] ?? "")}`,
        ]
      : []),
    ...(config.alphaPattern.size > 0 ? ["leaves alpha_pattern out, so that those scales are wrong"] : []),
    ...(config.useRslora ? ["leaves use_rslora out, so that the scale is wrong by √r"] : []),
    ...(config.targetParameters.length > 0 ? ["does not know the layout of target_parameters"] : []),
  ];
}

function sglangLimits(config: AdapterConfig, hasAddedTokens: boolean): readonly string[] {
  const { targetModules } = config;
  const isExpression =
    typeof targetModules === "string" && targetModules !== "all" && targetModules !== "all-linear";
  return [
    ...(config.peftType === "LORA" ? [] : [`refuses peft_type ${config.peftType}`]),
    ...(config.useDora ? ["refuses DoRA"] : []),
    ...(isExpression ? ["refuses target_modules as a regular expression"] : []),
    ...(config.useRslora ? ["was not seen to read use_rslora: the scale may be wrong by √r"] : []),
    ...(hasAddedTokens ? ["refuses tokens of added_tokens.json beyond the vocabulary of the base"] : []),
  ];
}

function hasBias({ bias }: AdapterConfig): boolean {
  return bias !== undefined && bias !== "none";
}
