import { isJsonObject, type JsonObject, type JsonValue, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { type HealthSubject, isOfTransformers, isWhole } from "../healthSubject";

interface Method {
  /** As `quant_method` has it. */
  readonly method: RegExp;
  readonly name: string;
  /** Whether a tensor is its codes, or what lies beside them. */
  readonly isOf: (tensor: Tensor) => boolean;
}

const isFp8 = ({ dtype }: Tensor) => dtype.startsWith("F8_E");
const isFp8Scale = ({ name }: Tensor) => /\.(?:weight|gate_up_proj|down_proj)_scale(?:_inv)?$/.test(name);

const methods: readonly Method[] = [
  {
    method: /^(?:bitsandbytes|bnb)/i,
    name: "bitsandbytes",
    isOf: ({ name }) => /\.quant_state\.bitsandbytes__\w+$|\.(?:absmax|SCB)$/.test(name),
  },
  { method: /^(?:gptq|awq)$/i, name: "GPTQ or AWQ", isOf: ({ name }) => /\.qweight$/.test(name) },
  // Its scales alone tell nothing: ModelOpt and compressed-tensors name theirs so too.
  { method: /^(?:fp8|fbgemm_fp8)$/i, name: "FP8", isOf: isFp8 },
  {
    method: /^mxfp4$/i,
    name: "MXFP4",
    isOf: ({ name, dtype }) => dtype === "U8" && /_(?:blocks|scales)$/.test(name),
  },
  {
    method: /^compressed-tensors$/i,
    name: "compressed-tensors",
    isOf: (tensor) => /\.(?:weight_(?:packed|scale)|bitmask)$/.test(tensor.name) || isFp8(tensor),
  },
];

/** Files in which quantisers of their own say what config.json would. */
const elsewhere = /^(?:quantize_config|quant_config|quantization_config|hf_quant_config)\.json$/;

/**
 * Packed weights without a configuration that says so, and the other way round: transformers makes layers by
 * config.json, and weights of the other kind do not go into them.
 */
export function quantisationSettings(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  const config = folder.config?.value;
  if (config === undefined || !isOfTransformers(subject) || !isWhole(subject)) return [];
  const { tensors, path } = checkpoint;
  const settings = quantisationOf(config);
  const fault = (message: string, tensor?: string): Problem[] => [
    {
      severity: "error",
      code: "QuantisationDisagrees",
      message,
      file: path,
      ...(tensor === undefined ? {} : { tensor }),
    },
  ];
  if (!isJsonObject(settings)) {
    if (settings !== undefined && settings !== null) return [];
    if (folder.files.some((file) => elsewhere.test(file.name))) return [];
    for (const method of methods) {
      const first = packedBy(method, tensors);
      if (first === undefined) continue;
      const message = `The weights are packed by ${method.name} (${first.name} and the like), and config.json has no quantization_config: loaders make plain layers, which take codes for values or do not fit their shapes.`;
      return fault(message, first.name);
    }
    return [];
  }
  const method = jsonString(settings.get("quant_method")) ?? "";
  const known = methods.find((one) => one.method.test(method));
  if (known === undefined || tensors.some(known.isOf) || isStoredPlain(settings)) return [];
  const message = `config.json says quantization_config ${method}, and no tensor is packed so: loaders look for codes that are not here. Where the weights were merged or unpacked, take quantization_config out.`;
  return fault(message);
}

/** What config.json says of packed weights; a multimodal model may say it of its language model alone. */
export function quantisationOf(config: JsonObject): JsonValue | undefined {
  const text = config.get("text_config");
  const nested = isJsonObject(text) ? text.get("quantization_config") : undefined;
  return config.get("quantization_config") ?? config.get("compression_config") ?? nested;
}

/** The first tensor that shows a method; codes of FP8 without scales are plain weights of few bits. */
function packedBy({ name, isOf }: Method, tensors: readonly Tensor[]): Tensor | undefined {
  if (name !== "FP8") return tensors.find((tensor) => isOf(tensor) && !isFp8(tensor));
  return tensors.some(isFp8Scale) ? tensors.find(isFp8) : undefined;
}

/** compressed-tensors keeps values that were only rounded to codes (`dense`), or pruned ones. */
function isStoredPlain(settings: JsonObject): boolean {
  const format = jsonString(settings.get("format")) ?? "";
  const isAtWork = /^(?:frozen|initialized|calibration)$/.test(
    jsonString(settings.get("quantization_status")) ?? "",
  );
  const groups = settings.get("config_groups");
  const isOnlySparse =
    isJsonObject(settings.get("sparsity_config")) && (!isJsonObject(groups) || groups.size === 0);
  return /^(?:dense|sparse|marlin-24)/.test(format) || isOnlySparse || isAtWork;
}
