import type { Method } from "./method";

function prompt(id: string, name: string, example: string, names?: RegExp): Method {
  return {
    id,
    name,
    update: "no weight changes",
    trains: "virtual tokens",
    example,
    whyNotMeasured: "trains virtual tokens and changes no weights",
    ...(names === undefined ? {} : { names }),
  };
}

/** Methods that train what stands before the input, or beside it. */
export const promptMethods: readonly Method[] = [
  prompt("PROMPT_TUNING", "Prompt tuning", "prompt_embeddings", /^prompt_embeddings$/),
  prompt("MULTITASK_PROMPT_TUNING", "Multitask prompt tuning", "prompt_embeddings"),
  prompt("P_TUNING", "P-tuning", "prompt_embeddings"),
  prompt("PREFIX_TUNING", "Prefix tuning", "prompt_embeddings"),
  prompt("CPT", "CPT", "prompt_embeddings"),
  prompt("ADAPTION_PROMPT", "Adaption prompt", "adaption_prompt", /\.adaption_(?:prompt|gate)$/),
  prompt("CARTRIDGE", "Cartridge", "prompt_embeddings"),
  {
    id: "BOTTLENECK",
    name: "Bottleneck",
    update: "h' = h + U·f(D·h)",
    trains: "small networks between the layers (AdapterHub's)",
    example: "adapters.NAME.adapter_down.0.weight",
    whyNotMeasured: "adds small networks between the layers and changes no weights",
    names: /(?:^|\.)adapters\.[^.]+\.adapter_(?:down|up)\b/,
  },
];
