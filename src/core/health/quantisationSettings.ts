import { isJsonObject, jsonString } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { type HealthSubject, isOfTransformers, isWhole } from "./healthSubject";

interface Method {
  /** As `quant_method` has it. */
  readonly method: RegExp;
  readonly name: string;
  /** How its codes, or what lies beside them, are named. */
  readonly codes: RegExp;
}

const methods: readonly Method[] = [
  {
    method: /^(?:bitsandbytes|bnb)/i,
    name: "bitsandbytes",
    codes: /\.quant_state\.bitsandbytes__\w+$|\.(?:absmax|SCB)$/,
  },
  { method: /^(?:gptq|awq)$/i, name: "GPTQ or AWQ", codes: /\.qweight$/ },
];

/** Files in which quantisers of their own say what config.json would. */
const elsewhere = /^(?:quantize_config|quant_config|quantization_config)\.json$/;

/**
 * Packed weights without a configuration that says so, and the other way round: transformers makes layers by
 * config.json, and weights of the other kind do not go into them.
 */
export function quantisationSettings(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  const config = folder.config?.value;
  if (config === undefined || !isOfTransformers(subject) || !isWhole(subject)) return [];
  const { tensors, path } = checkpoint;
  const settings = config.get("quantization_config");
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
    for (const { name: by, codes } of methods) {
      const packed = tensors.filter((tensor) => codes.test(tensor.name));
      const [first] = packed;
      if (first === undefined) continue;
      const message = `The weights are packed by ${by} (${first.name} and the like), and config.json has no quantization_config: loaders make plain layers, whose shapes they do not fit.`;
      return fault(message, first.name);
    }
    return [];
  }
  const method = jsonString(settings.get("quant_method")) ?? "";
  const known = methods.find((one) => one.method.test(method));
  if (known === undefined || tensors.some((tensor) => known.codes.test(tensor.name))) return [];
  const message = `config.json says quantization_config ${method}, and no tensor is packed so: loaders look for codes that are not here. Where the weights were merged or unpacked, take quantization_config out.`;
  return fault(message);
}
