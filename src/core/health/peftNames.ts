import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

const prefix = "base_model.model.";

/** What is wrong with names for PEFT's loader, which matches exactly and passes over the rest without a word. */
const faults: readonly {
  readonly pattern: RegExp;
  readonly what: string;
  readonly mend: (name: string) => string;
}[] = [
  {
    pattern: /\.lora_(?:A|B)\.(?!weight$|bias$)[^.]+\.(?:weight|bias)$|\.lora_embedding_[AB]\.[^.]+$/,
    what: "hold the adapter's name, which PEFT puts in as it loads",
    mend: (name) => name.replace(/(\.lora_(?:A|B|embedding_A|embedding_B))\.(?!weight$|bias$)[^.]+/, "$1"),
  },
  {
    pattern: /^(?:base_model\.model\.){2,}(?=base_model|model\.|transformer\.|\w)/,
    what: `begin with "${prefix}" more than once`,
    mend: (name) => name.replace(/^(?:base_model\.model\.)+/, prefix),
  },
  {
    pattern: /^(?!base_model\.model\.)/,
    what: `do not begin with "${prefix}"`,
    mend: (name) =>
      prefix + name.replace(/^(?:module\.|model\.(?=base_model\.model\.))*(?:base_model\.model\.)*/, ""),
  },
];

/** Names of a whole model that torch.compile wrote, in a file that transformers loads by them. */
export function compiledNames({ checkpoint, adapter, folder }: HealthSubject): readonly Problem[] {
  if (adapter !== undefined || folder.config?.value.has("architectures") !== true) return [];
  if (!/^(?:model|pytorch_model)\b.*\.(?:safetensors|bin|json)$/.test(checkpoint.name)) return [];
  const wrapped = checkpoint.tensors.filter(({ name }) => /(?:^|\.)_orig_mod\./.test(name));
  const [first] = wrapped;
  if (first === undefined) return [];
  const message = `${wrapped.length} of ${checkpoint.tensors.length} names hold "_orig_mod." (torch.compile). transformers matches none of these, so that their weights would be initialised at random; without it the first is ${first.name.replaceAll("_orig_mod.", "")}.`;
  return [{ severity: "warning", code: "WrappedNames", message, tensor: first.name }];
}

/** Names in a file of PEFT's that PEFT does not find again; those of torch.compile are told with the adapter. */
export function peftNames({ checkpoint, adapter, folder }: HealthSubject): readonly Problem[] {
  if (adapter === undefined || adapter.carriesModel || adapter.dialect !== "peft") return [];
  // Only what PEFT loads: its configuration beside it, under its own names of files.
  if (folder.adapterConfig?.value.has("peft_type") !== true) return [];
  if (!/^adapter_model\.(?:safetensors|bin)$/.test(checkpoint.name)) return [];
  const names = adapter.modules
    .flatMap(({ a, b }) => [a.name, b.name])
    .filter((name) => !name.includes("_orig_mod."));
  return faults.flatMap(({ pattern, what, mend }): readonly Problem[] => {
    const wrong = names.filter((name) => pattern.test(name));
    const [first] = wrong;
    if (first === undefined) return [];
    const message = `${wrong.length} of ${names.length} names ${what}. PEFT matches none of these, so that the adapter would load as nothing; the first should be ${mend(first)}.`;
    return [{ severity: "warning", code: "WrappedNames", message, tensor: first }];
  });
}
