import type { AdapterConfig } from "../adapterConfig";
import { type LoraKey, loraKey } from "../loraKey";
import type { Dialect, DialectId, ModuleNaming } from "./dialect";
import { comfyui, controlLora, diffusers, xlabs } from "./diffusers";
import { kohya, lycoris } from "./kohya";
import { ggufDialect, mlx, mlxVlm, sam, svdFactors, torchtune } from "./lowerCase";
import { megatron } from "./megatron";
import { diffsynth, litgpt, peft } from "./peft";

/** Every dialect, in the order in which names are held against them: the special before the general. */
export const dialects: readonly Dialect[] = [
  xlabs,
  comfyui,
  diffsynth,
  litgpt,
  diffusers,
  peft,
  kohya,
  torchtune,
  megatron,
  ggufDialect,
  mlx,
  mlxVlm,
  sam,
  lycoris,
  controlLora,
  svdFactors,
];

export function dialectNamed(id: DialectId): Dialect | undefined {
  return dialects.find((dialect) => dialect.id === id);
}

export function dialectOf(naming: ModuleNaming, config: AdapterConfig | undefined): DialectId {
  return dialects.find(({ isOf }) => isOf?.(naming, config))?.id ?? "unknown";
}

/** Cheap rejection: a model of 89,088 tensors has none of these words in its names. */
const mayBeLora = /lora|dora_scale|\.alpha$|\.m$|\.magnitude$|\.linear_(?:in|out)\.weight$/;

/** In the order of cost; no name is read by two of them but XLabs', which diffusers' grammar would cut short. */
const grammars = [peft, kohya, xlabs, diffusers, torchtune, megatron].flatMap(
  ({ parseKey }) => parseKey ?? [],
);

/**
 * Reads a tensor's name as part of a LoRA. `alpha`, `dora_scale`, `m` and `magnitude` are common words: such a key
 * counts only where its module has factors.
 */
export function parseLoraKey(name: string): LoraKey | undefined {
  if (!mayBeLora.test(name)) return undefined;
  for (const parse of grammars) {
    const key = parse(name);
    if (key !== undefined) return key;
  }
  return parseAuxiliaryKey(name);
}

const auxiliaryKey = /^(.+)\.(alpha|dora_scale|m|magnitude)$/;
const diffusersEnding = /(?:_lora|\.lora|\.lora_linear_layer)$/;

function parseAuxiliaryKey(name: string): LoraKey | undefined {
  const match = auxiliaryKey.exec(name);
  if (match === null) return undefined;
  const [, module = "", word = ""] = match;
  if (word === "alpha") return loraKey("kohya", "alpha", module.replace(diffusersEnding, ""));
  return loraKey(word === "dora_scale" ? "kohya" : "lowerCase", "magnitude", module);
}
