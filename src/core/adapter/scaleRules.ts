import { JsonSyntaxError } from "../json/jsonScanner";
import { isJsonObject, type JsonObject, type JsonValue, jsonNumber, parseJson } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { type AdapterConfig, parseAdapterConfig } from "./adapterConfig";
import { ModulePatterns } from "./modulePatterns";

/**
 * Where a module's scale was found, in the order of the search: the module's own `.alpha` tensor, a pattern of
 * the configuration, its `lora_alpha`, the library's default where the configuration is silent, mlx-lm's
 * `scale`, diffusers' `lora_adapter_metadata`, kohya's `ss_network_alpha`, GGUF's `adapter.lora.alpha`, the
 * factors themselves where they need none (an SVD), the model's config.json where the adapter is built in
 * (Phi-4-multimodal), or nowhere (`assumed`).
 */
export type ScaleSource =
  | "alphaTensor"
  | "alphaPattern"
  | "config"
  | "configDefault"
  | "mlxConfig"
  | "adapterMetadata"
  | "kohyaMetadata"
  | "ggufMetadata"
  | "factors"
  | "modelConfig"
  | "assumed";

export interface ScaleRule {
  readonly alpha: number | undefined;
  /** ΔW = scale · B · A. */
  readonly scale: number;
  readonly source: ScaleSource;
  /** The rank that the configuration announces for the module. */
  readonly announcedRank: number | undefined;
}

/** PEFT's defaults: LoraConfig r and lora_alpha, AdaLoraConfig init_r. */
const defaultRank = 8;
const defaultAlpha = 8;
const defaultInitR = 12;

/** PEFT's AdaLoRA adds it to the divisor (tuners/adalora/layer.py, get_delta_weight). */
const adaloraEpsilon = 1e-5;

/** mlx-lm's default `scale`, used where an MLX adapter comes without its configuration. */
const mlxDefaultScale = 20;

/** s = alpha / r, or alpha / √r for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732). A rank of 0 updates nothing. */
export function scaleOf(alpha: number, rank: number, useRslora = false): number {
  if (rank === 0) return 0;
  return alpha / (useRslora ? Math.sqrt(rank) : rank);
}

/** Finds the scale of any module of one adapter from its configuration and its file's metadata. */
export class ScaleRules {
  private readonly rules: ConfigRules | undefined;
  /** By prefix such as `unet`: diffusers keeps one configuration a part of the pipeline. */
  private readonly partRules: ReadonlyMap<string, ConfigRules>;
  private readonly kohyaAlpha: number | undefined;
  private readonly ggufAlpha: number | undefined;

  constructor(
    private readonly config: AdapterConfig | undefined,
    metadata: ReadonlyMap<string, string>,
    private readonly modelConfig?: JsonObject,
  ) {
    this.rules = config && new ConfigRules(config);
    this.partRules = partRulesOf(metadata.get("lora_adapter_metadata"));
    this.kohyaAlpha = numberIn(metadata.get("ss_network_alpha"));
    const ggufAlpha = metadata.get("adapter.lora.alpha");
    // A number of the file, which may be NaN.
    this.ggufAlpha = ggufAlpha === undefined ? undefined : Number(ggufAlpha);
  }

  /** Complete when every module has been looked up. */
  get problems(): readonly Problem[] {
    return [this.rules, ...this.partRules.values()].flatMap((rules) => rules?.problems ?? []);
  }

  find(module: string, rank: number, isMlx: boolean, adapterName?: string): ScaleRule {
    return (
      this.builtInRule(adapterName, rank) ??
      (isMlx ? this.mlxRule(rank) : this.rules?.find(module, rank)) ??
      this.partRule(module, rank) ??
      alphaRule(this.kohyaAlpha, rank, "kohyaMetadata") ??
      ggufRule(this.ggufAlpha, rank) ??
      (isMlx
        ? { alpha: undefined, scale: mlxDefaultScale, source: "assumed", announcedRank: undefined }
        : { alpha: rank, scale: 1, source: "assumed", announcedRank: undefined })
    );
  }

  /** Phi-4-multimodal's config.json has `vision_lora` and `speech_lora` with r and lora_alpha. */
  private builtInRule(adapterName: string | undefined, rank: number): ScaleRule | undefined {
    const own = adapterName === undefined ? undefined : this.modelConfig?.get(`${adapterName}_lora`);
    const alpha = isJsonObject(own) ? jsonNumber(own.get("lora_alpha")) : undefined;
    const rule = alphaRule(alpha, rank, "modelConfig");
    return rule && isJsonObject(own) ? { ...rule, announcedRank: jsonNumber(own.get("r")) } : rule;
  }

  private mlxRule(rank: number): ScaleRule | undefined {
    const mlx = this.config?.mlx;
    if (mlx?.scale === undefined) return undefined;
    // Until mid-2024 mlx-lm's LoRALinear computed scale · alpha / r when an alpha was configured.
    const scale = mlx.alpha === undefined ? mlx.scale : mlx.scale * scaleOf(mlx.alpha, rank);
    return { alpha: mlx.alpha, scale, source: "mlxConfig", announcedRank: mlx.rank };
  }

  private partRule(module: string, rank: number): ScaleRule | undefined {
    const dot = module.indexOf(".");
    const rule = this.partRules.get(module.slice(0, Math.max(dot, 0)))?.find(module.slice(dot + 1), rank);
    return rule && { ...rule, source: "adapterMetadata" };
  }
}

/** The scale as PEFT computes it from one configuration, but with the rank that the tensors have. */
class ConfigRules {
  private readonly ranks: ModulePatterns;
  private readonly alphas: ModulePatterns;

  constructor(private readonly config: AdapterConfig) {
    this.ranks = new ModulePatterns("rank_pattern", config.rankPattern);
    this.alphas = new ModulePatterns("alpha_pattern", config.alphaPattern);
  }

  get problems(): readonly Problem[] {
    return [...this.ranks.problems, ...this.alphas.problems];
  }

  /** Undefined when the configuration is no LoRA's, or says nothing about alpha and is not PEFT's. */
  find(module: string, rank: number): ScaleRule | undefined {
    const { config } = this;
    if (config.mlx !== undefined) return undefined;
    const isPeft = config.peftType !== undefined;
    const patternAlpha = this.alphas.find(module);
    const alpha = patternAlpha ?? config.loraAlpha ?? (isPeft ? defaultAlpha : undefined);
    if (alpha === undefined) return undefined;
    const source = this.sourceOf(patternAlpha);
    const patternRank = this.ranks.find(module);
    if (config.peftType === "ADALORA") return this.adaloraRule(alpha, source, patternRank);
    const announcedRank = patternRank ?? config.r ?? (isPeft ? defaultRank : undefined);
    return { alpha, scale: scaleOf(alpha, rank, config.useRslora), source, announcedRank };
  }

  private sourceOf(patternAlpha: number | undefined): ScaleSource {
    if (patternAlpha !== undefined) return "alphaPattern";
    return this.config.loraAlpha === undefined ? "configDefault" : "config";
  }

  /** The divisor stays the rank before pruning, because `ranknum` is kept when components are removed. */
  private adaloraRule(alpha: number, source: ScaleSource, patternRank: number | undefined): ScaleRule {
    const initR = this.config.initR ?? defaultInitR;
    const scale = (alpha > 0 ? alpha : initR) / (initR + adaloraEpsilon);
    return { alpha, scale, source, announcedRank: patternRank };
  }
}

function alphaRule(alpha: number | undefined, rank: number, source: ScaleSource): ScaleRule | undefined {
  return alpha === undefined
    ? undefined
    : { alpha, scale: scaleOf(alpha, rank), source, announcedRank: undefined };
}

/** An alpha of 0 is none to llama.cpp (src/llama-adapter.h, get_scale): it then multiplies by the strength alone. */
function ggufRule(alpha: number | undefined, rank: number): ScaleRule | undefined {
  const rule = alphaRule(alpha, rank, "ggufMetadata");
  return rule && alpha === 0 ? { ...rule, scale: 1 } : rule;
}

/** Metadata are strings; kohya's resized files say `Dynamic` where ranks differ. */
function numberIn(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Splits `{"unet.r": 4, "unet.lora_alpha": 8}` by prefix and reads each part as a configuration. */
function partRulesOf(text: string | undefined): ReadonlyMap<string, ConfigRules> {
  const parts = new Map<string, Map<string, JsonValue>>();
  const value = text === undefined ? undefined : parseMetadata(text);
  if (!isJsonObject(value)) return new Map();
  for (const [key, member] of value) {
    const dot = key.indexOf(".");
    if (dot < 0) continue;
    const part = parts.get(key.slice(0, dot)) ?? new Map<string, JsonValue>();
    parts.set(key.slice(0, dot), part.set(key.slice(dot + 1), member));
  }
  return new Map([...parts].map(([prefix, part]) => [prefix, new ConfigRules(parseAdapterConfig(part))]));
}

function parseMetadata(text: string): JsonValue | undefined {
  try {
    return parseJson(text).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
