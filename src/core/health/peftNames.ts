import { modulePath } from "../adapter/loraKey";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { unmatchedNames } from "./config/unmatchedNames";
import { type HealthSubject, isOfTransformers, isPeftFile, isWhole } from "./healthSubject";

const prefix = "base_model.model.";

/** What is wrong with names for PEFT's loader, which matches exactly and passes over the rest without a word. */
const faults: readonly {
  readonly pattern: RegExp;
  readonly what: string;
  readonly mend: (name: string) => string;
}[] = [
  {
    pattern: /(?:^|\.)_(?:fsdp|checkpoint)_wrapped_module\./,
    what: 'hold "_fsdp_wrapped_module." or "_checkpoint_wrapped_module."',
    mend: (name) => prefix + modulePath(name),
  },
  {
    pattern: /^base_model\.model\.(?:module\.)+(?=base_model\.|model\.|transformer\.)/,
    what: 'hold "module." of DataParallel, DistributedDataParallel or DeepSpeed',
    mend: (name) => name.replace(/^base_model\.model\.(?:module\.)+(?:base_model\.model\.)?/, prefix),
  },
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
    pattern: /^(?!base_model\.model\.|_(?:fsdp|checkpoint)_wrapped_module\.)/,
    what: `do not begin with "${prefix}"`,
    mend: (name) =>
      prefix + name.replace(/^(?:module\.|model\.(?=base_model\.model\.))*(?:base_model\.model\.)*/, ""),
  },
];

/** What wrappers of a whole model put before or into its names, and who does so. */
const wrappers: readonly { readonly pattern: RegExp; readonly what: string; readonly who: string }[] = [
  { pattern: /(?:^|\.)_orig_mod\./g, what: 'hold "_orig_mod."', who: "torch.compile" },
  { pattern: /(?:^|\.)_fsdp_wrapped_module\./g, what: 'hold "_fsdp_wrapped_module."', who: "FSDP" },
  {
    pattern: /^module\./g,
    what: 'begin with "module."',
    who: "DataParallel, DistributedDataParallel or DeepSpeed",
  },
  { pattern: /^_forward_module\./g, what: 'begin with "_forward_module."', who: "Lightning's Fabric" },
  { pattern: /^_module\./g, what: 'begin with "_module."', who: "Opacus" },
  {
    pattern: /(?:^|\.)_checkpoint_wrapped_module\./g,
    what: 'hold "_checkpoint_wrapped_module."',
    who: "activation checkpointing",
  },
  {
    pattern: /^pretrained_model\./g,
    what: 'begin with "pretrained_model."',
    who: "TRL's model with a value head, which its own class loads",
  },
  { pattern: /^base_model\.model\./g, what: `begin with "${prefix}"`, who: "PEFT" },
  {
    pattern: /^_?(?:actor|policy|student)(?:_model|_module)?\.(?=model\.|transformer\.)/g,
    what: "begin with the name of a part of a trainer",
    who: "a trainer's own class",
  },
];

const flatName = /(?:^|\.)_?flat_param(?:_\d+)?$/;

/** Names of a whole model that a wrapper changed, in a file that transformers loads by them. */
export function wrappedNames(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  if (folder.config === undefined || !isOfTransformers(subject)) return [];
  const { tensors } = checkpoint;
  const flat = tensors.filter(({ name }) => flatName.test(name));
  const [one] = flat;
  if (one !== undefined) {
    const message = `${plural(flat.length, "tensor is", "tensors are")} flat parameters of FSDP, such as ${one.name}: many weights, or one process's part of them, in one row without their names and shapes. No loader of models takes them; they are saved whole under FULL_STATE_DICT.`;
    return [{ severity: "error", code: "FlatParameters", message, tensor: one.name }];
  }
  const found = wrappers.flatMap(({ pattern, what, who }): readonly Problem[] => {
    const wrapped = tensors.filter(({ name }) => name.search(pattern) >= 0);
    const [first] = wrapped;
    if (first === undefined) return [];
    const message = `${wrapped.length} of ${tensors.length} names ${what} (${who}). transformers matches none of these, so that their weights would be initialised at random; without it the first is ${first.name.replace(pattern, (found) => (found.startsWith(".") ? "." : ""))}.`;
    return [{ severity: "warning", code: "WrappedNames", message, tensor: first.name }];
  });
  return found.length > 0 || !isWhole(subject) ? found : unmatchedNames(checkpoint, folder.config.value);
}

/** Whether PEFT takes none of the adapter's names as they stand, though it is the program that reads the file. */
export function matchesNothing(subject: HealthSubject): boolean {
  const names = namesForPeft(subject);
  return (
    names.length > 0 &&
    names.every((name) => isCompiled(name) || faults.some(({ pattern }) => pattern.test(name)))
  );
}

function isCompiled(name: string): boolean {
  return name.includes("_orig_mod.");
}

/** The names of factors in a file that PEFT reads; empty for other files. */
function namesForPeft({ checkpoint, adapter, folder }: HealthSubject): readonly string[] {
  if (adapter === undefined || adapter.carriesModel || adapter.dialect !== "peft") return [];
  // Only what PEFT loads: its configuration beside it, under its own names of files.
  if (folder.adapterConfig?.value.has("peft_type") !== true) return [];
  if (!isPeftFile(checkpoint.name)) return [];
  return adapter.modules.flatMap(({ a, b }) => [a.name, b.name]);
}

/** Names in a file of PEFT's that PEFT does not find again; those of torch.compile are told with the adapter. */
export function peftNames(subject: HealthSubject): readonly Problem[] {
  const names = namesForPeft(subject).filter((name) => !isCompiled(name));
  return [...nestedNames(subject), ...savedAsWrapped(subject), ...faultyNames(names)];
}

/** Modules that were saved whole under the names that they have while PEFT wraps them. */
function savedAsWrapped(subject: HealthSubject): readonly Problem[] {
  if (namesForPeft(subject).length === 0) return [];
  const wrong = (subject.adapter?.savedTensors ?? []).filter(({ name }) =>
    name.includes(".modules_to_save."),
  );
  const [first] = wrong;
  if (first === undefined) return [];
  const mended = first.name.replace(/\.modules_to_save\.(?:[^.]+\.(?=weight$|bias$))?/, ".");
  const message = `${plural(wrong.length, "tensor")} saved whole ${wrong.length === 1 ? "holds" : "hold"} "modules_to_save" in the name, which PEFT puts in as it loads: it looks for ${mended} and fails or leaves ${wrong.length === 1 ? "this one" : "these"} out.`;
  return [{ severity: "warning", code: "WrappedNames", message, tensor: first.name }];
}

function faultyNames(names: readonly string[]): readonly Problem[] {
  return faults.flatMap(({ pattern, what, mend }): readonly Problem[] => {
    const wrong = names.filter((name) => pattern.test(name));
    const [first] = wrong;
    if (first === undefined) return [];
    const message = `${wrong.length} of ${names.length} names ${what}. PEFT matches none of these, so that the adapter would load as nothing; the first should be ${mend(first)}.`;
    const severity = wrong.length === names.length ? "error" : "warning";
    return [{ severity, code: "WrappedNames", message, tensor: first }];
  });
}

/** PEFT's wrapper in the middle of diffusers' names, which a trainer left there: no loader takes it out. */
function nestedNames({ checkpoint, adapter }: HealthSubject): readonly Problem[] {
  if (adapter?.dialect !== "diffusers") return [];
  const wrong = checkpoint.tensors.filter(({ name }) => /^\w+\.base_model\.model\./.test(name));
  const [first] = wrong;
  if (first === undefined) return [];
  const message = `${wrong.length} of ${checkpoint.tensors.length} names hold "${prefix}" behind the part of the pipeline. diffusers and ComfyUI match none of these, so that the adapter would load as nothing; the first should be ${first.name.replace(prefix, "")}.`;
  const severity = wrong.length === checkpoint.tensors.length ? "error" : "warning";
  return [{ severity, code: "WrappedNames", message, tensor: first.name }];
}
