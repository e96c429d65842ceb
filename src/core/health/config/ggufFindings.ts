import { ggufNumber } from "../../names/ggufNames";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { type HealthSubject, isWhole } from "../healthSubject";
import { entriesOf, ggufVocabulary } from "./ggufVocabulary";
import { unlikeLayers } from "./unlikeLayers";

/**
 * Architectures whose blocks are all alike, with queries and keys that are nothing else (llama.cpp's llama-model.cpp,
 * `create_tensor` of each).
 */
const plain: ReadonlySet<string> = new Set([
  "llama",
  "mistral3",
  "qwen2",
  "qwen2moe",
  "qwen3",
  "qwen3moe",
  "gemma",
  "gemma2",
  "gemma3",
  "phi3",
  "starcoder2",
  "internlm2",
  "olmo2",
  "granite",
  "smollm3",
  "exaone",
  "stablelm",
  "command-r",
]);

/** Whose norms of queries and keys are as long as one head. */
const normsOfHeads: ReadonlySet<string> = new Set(["qwen3", "qwen3moe", "gemma3"]);

const ofModels = ["token_embd.weight", "output_norm.weight", "output.weight", "blk.0.attn_norm.weight"];

/** What the keys of a GGUF file say of its tensors, and is otherwise: llama.cpp holds them against each other, and refuses. */
export function ggufFindings(subject: HealthSubject): readonly Problem[] {
  const { tensors, format, metadata } = subject.checkpoint;
  if (format === "gguf" && subject.adapter?.dialect === "gguf") return adapterFindings(subject);
  if (format === "gguf" && subject.adapter === undefined) {
    const foreign = foreignFactors(subject);
    if (foreign.length > 0) return foreign;
  }
  const architecture = metadata.get("general.architecture") ?? "";
  const kind = metadata.get("general.type") ?? "model";
  if (format !== "gguf" || !plain.has(architecture) || kind !== "model") return [];
  if (subject.adapter !== undefined || !isWhole(subject)) return [];
  const foreign = foreignKeys(architecture, metadata);
  if (foreign !== undefined) return [{ ...foreign, file: subject.checkpoint.path }];
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  // Some tensors under these names are no model that could lack something.
  if (ofModels.filter((name) => byName.has(name)).length < 2) return [];
  const problems = [
    ...outerFindings(byName, metadata),
    ...blockFindings(tensors, byName, metadata),
    ...expertFindings(tensors, metadata),
    ...ggufVocabulary(metadata),
  ];
  return problems.map((problem) => ({ ...problem, file: subject.checkpoint.path }));
}

/** What llama.cpp asks of a LoRA before it looks at a model (llama-adapter.cpp, llama_adapter_lora_init_impl). */
function adapterFindings({ checkpoint, adapter }: HealthSubject): readonly Problem[] {
  const { tensors, metadata, path: file } = checkpoint;
  if (adapter?.carriesModel !== false) return [];
  const unlike = (
    [
      ["general.type", "adapter"],
      ["adapter.type", "lora"],
    ] as const
  ).filter(([key, value]) => metadata.get(key) !== value);
  const foreign = tensors.find(({ name }) => !/\.lora_[ab]$|_norm\.weight$/.test(name));
  return [
    ...unlike.map(([key, value]) => {
      const said = metadata.get(key);
      const what = said === undefined ? `There is no key ${key}` : `${key} is ${quote(said)}`;
      return { ...problem("AdapterKeys", `${what}, where a LoRA says ${quote(value)}`), file };
    }),
    ...(foreign === undefined
      ? []
      : [
          {
            ...problem("AdapterNames", `${quote(foreign.name)} is no lora_a, lora_b or norm`),
            file,
            tensor: foreign.name,
          },
        ]),
  ];
}

/** An adapter by its keys or the names of its tensors, of which none is a factor's as llama.cpp knows them. */
function foreignFactors({ checkpoint }: HealthSubject): readonly Problem[] {
  const { tensors, metadata, path: file } = checkpoint;
  // As llama.cpp's own conversion named them until 2024, then in files of another format (ggla).
  const old = tensors.find(({ name }) => /\.lora[AB]$/.test(name));
  const [first = old] = metadata.get("general.type") === "adapter" ? tensors : [];
  const tensor = old ?? first;
  if (tensor === undefined) return [];
  const message = `${quote(tensor.name)} is no name of a LoRA's factor, which end in .lora_a and .lora_b`;
  return [{ ...problem("AdapterNames", message), file, tensor: tensor.name }];
}

type Metadata = ReadonlyMap<string, string>;

/** Keys that begin with another architecture's name than the file says: llama.cpp looks for its own alone. */
function foreignKeys(architecture: string, metadata: Metadata): Problem | undefined {
  const counts = [...metadata.keys()].filter((key) => key.endsWith(".block_count"));
  const [first] = counts;
  if (first === undefined || counts.includes(`${architecture}.block_count`)) return undefined;
  const own = `${architecture}.block_count`;
  const message = `general.architecture is ${quote(architecture)}, and there is ${first}, no ${own}`;
  return problem("ConfigDisagrees", message);
}

/** Experts that are all in one tensor, [experts, out, in], and their router (llama-model.cpp). */
function expertFindings(tensors: readonly Tensor[], metadata: Metadata): readonly Problem[] {
  const said = ggufNumber(metadata, "expert_count");
  const used = ggufNumber(metadata, "expert_used_count");
  const parts = ["gate_exps", "up_exps", "down_exps", "gate_inp"];
  const names = parts.map((part) => new RegExp(`^blk\\.\\d+\\.ffn_${part}\\.weight$`));
  const first = names.flatMap((name) => tensors.find((tensor) => name.test(tensor.name)) ?? []);
  const tooMany =
    said !== undefined && used !== undefined && used > said
      ? [problem("ConfigDisagrees", `expert_used_count is ${used}, and expert_count ${said}`)]
      : [];
  return [...tooMany, ...first.flatMap((tensor) => unlike("expert_count", said, tensor, 0))];
}

function outerFindings(byName: ReadonlyMap<string, Tensor>, metadata: Metadata): readonly Problem[] {
  const embedding = byName.get("token_embd.weight");
  const tokens = entriesOf(metadata, "tokenizer.ggml.tokens");
  const lost = ["token_embd.weight", "output_norm.weight"].filter((name) => !byName.has(name));
  return [
    ...lost.map((name) => problem("TensorsMissing", `There is no ${name}`)),
    ...unlike("embedding_length", ggufNumber(metadata, "embedding_length"), embedding, 1),
    ...unlike("a list of tokens of", tokens, embedding, 0),
    ...unlike("a list of tokens of", tokens, byName.get("output.weight"), 0),
  ];
}

function blockFindings(
  tensors: readonly Tensor[],
  byName: ReadonlyMap<string, Tensor>,
  metadata: Metadata,
): readonly Problem[] {
  const blocks = new Map<number, string[]>();
  for (const { name } of tensors) {
    const [, block, own] = /^blk\.(\d{1,5})\.(.*)$/.exec(name) ?? [];
    if (block === undefined || own === undefined) continue;
    const names = blocks.get(Number(block)) ?? [];
    blocks.set(Number(block), names);
    names.push(own);
  }
  const count = ggufNumber(metadata, "block_count");
  const absent = Array.from({ length: Math.min(count ?? 0, 10_000) }, (_, at) => at).filter(
    (at) => !blocks.has(at),
  );
  const listed = `${absent.slice(0, 5).join(", ")}${absent.length > 5 ? ` and ${absent.length - 5} more` : ""}`;
  const saidBlocks = `block_count is ${count}`;
  const counted =
    count === undefined
      ? []
      : absent.length > 0
        ? [
            problem(
              "LayersMissing",
              `${saidBlocks}, and ${plural(absent.length, "block")} (${listed}) of them are not in the file`,
            ),
          ]
        : blocks.size > count
          ? [problem("LayersUnused", `${saidBlocks}, and the file holds ${blocks.size} blocks`)]
          : [];
  const heads = ggufNumber(metadata, "attention.head_count");
  const width = ggufNumber(metadata, "embedding_length");
  const each = heads === undefined || width === undefined ? undefined : width / heads;
  const perHead = ggufNumber(metadata, "attention.key_length") ?? each;
  const perValue = ggufNumber(metadata, "attention.value_length") ?? each;
  const architecture = metadata.get("general.architecture") ?? "";
  // Without the key llama.cpp takes a head of keys for each of queries; a list has one number for each block.
  const hasKeyHeads = metadata.has(`${architecture}.attention.head_count_kv`);
  const keyHeads = hasKeyHeads ? ggufNumber(metadata, "attention.head_count_kv") : heads;
  const halfTurns = ggufNumber(metadata, "rope.dimension_count") ?? perHead;
  const times = (count: number | undefined, by: number | undefined) =>
    count === undefined || by === undefined ? undefined : count * by;
  const inner = ggufNumber(metadata, "feed_forward_length");
  const part = (name: string) => byName.get(`blk.0.${name}.weight`);
  // Some keep gate and up in one.
  const isFused = part("ffn_gate") === undefined;
  return [
    ...counted,
    ...unlikeLayers(blocks, refused),
    ...unlike("head_count times the length of a head", times(heads, perHead), part("attn_q"), 0),
    ...(normsOfHeads.has(architecture)
      ? ["attn_q_norm", "attn_k_norm"].flatMap((name) => unlike("a head is", perHead, part(name), 0))
      : []),
    ...(architecture === "llama"
      ? unlike("rope.dimension_count by two is", times(halfTurns, 0.5), byName.get("rope_freqs.weight"), 0)
      : []),
    ...unlike("head_count_kv times the length of a key", times(keyHeads, perHead), part("attn_k"), 0),
    ...unlike("head_count_kv times the length of a value", times(keyHeads, perValue), part("attn_v"), 0),
    ...(isFused ? [] : unlike("feed_forward_length", inner, part("ffn_gate"), 0)),
    ...unlike("feed_forward_length", inner, part("ffn_down"), 1),
  ];
}

const refused = "would be missed, and llama.cpp refuses the file";

function unlike(
  what: string,
  said: number | undefined,
  tensor: Tensor | undefined,
  axis: number,
): readonly Problem[] {
  const found = tensor?.shape[axis];
  if (said === undefined || tensor === undefined || found === undefined || found === said) return [];
  const message = `The file's keys say ${what} ${said}, ${tensor.name} is ${formatShape(tensor.shape)} (${found})`;
  return [{ ...problem("ConfigDisagrees", message), tensor: tensor.name }];
}

function problem(code: string, message: string): Problem {
  return { severity: "error", code, message: `${message}: llama.cpp refuses the file.` };
}
