import { expect, it } from "vitest";
import { healthOf, type Shapes } from "../../support/healthOf";
import { ggufFile } from "../../support/made/ggufFile";

const [hidden, inner, heads, keyHeads, tokens] = [16, 24, 4, 2, 40];

const block = (at: number): Shapes => ({
  [`blk.${at}.attn_norm.weight`]: [hidden],
  [`blk.${at}.attn_q.weight`]: [hidden, hidden],
  [`blk.${at}.attn_k.weight`]: [(hidden / heads) * keyHeads, hidden],
  [`blk.${at}.attn_v.weight`]: [(hidden / heads) * keyHeads, hidden],
  [`blk.${at}.attn_output.weight`]: [hidden, hidden],
  [`blk.${at}.ffn_norm.weight`]: [hidden],
  [`blk.${at}.ffn_gate.weight`]: [inner, hidden],
  [`blk.${at}.ffn_up.weight`]: [inner, hidden],
  [`blk.${at}.ffn_down.weight`]: [hidden, inner],
});
const whole: Shapes = {
  "token_embd.weight": [tokens, hidden],
  ...block(0),
  ...block(1),
  "output_norm.weight": [hidden],
  "output.weight": [tokens, hidden],
};
const keys = {
  "general.architecture": "llama",
  "llama.block_count": 2,
  "llama.embedding_length": hidden,
  "llama.feed_forward_length": inner,
  "llama.attention.head_count": heads,
  "llama.attention.head_count_kv": keyHeads,
};
const { "llama.attention.head_count_kv": _kept, ...withoutKeyHeads } = keys;
const listOf = (count: number) => Array.from({ length: count }, (_, at) => `t${at}`);
const without = (...names: string[]): Shapes =>
  Object.fromEntries(Object.entries(whole).filter(([name]) => !names.some((each) => name.startsWith(each))));

it.each([
  ["nothing of a model that is as its keys say", {}, whole, []],
  ["nothing of a head that is the embedding", {}, without("output.weight"), []],
  [
    "nothing of an architecture that is made otherwise",
    { "general.architecture": "jamba" },
    without("blk.1.attn"),
    [],
  ],
  ["nothing of a projector", { "general.type": "mmproj" }, without("output_norm"), []],
  ["blocks that are missing", { "llama.block_count": 4 }, whole, [/2 blocks \(2, 3\) .* not in the file/]],
  ["more blocks than it says", { "llama.block_count": 1 }, whole, [/the file holds 2 blocks/]],
  [
    "a width of the feed-forward layer",
    { "llama.feed_forward_length": 48 },
    whole,
    [/48, blk.0.ffn_gate/, /ffn_down/],
  ],
  ["heads of keys", { "llama.attention.head_count_kv": 4 }, whole, [/attn_k/, /attn_v/]],
  ["longer heads", { "llama.attention.key_length": 8 }, whole, [/attn_q/, /attn_k/]],
  [
    "more tokens than rows",
    { "tokenizer.ggml.tokens": listOf(44) },
    whole,
    [/44, token_embd/, /output.weight/],
  ],
  ["as many tokens as rows: nothing", { "tokenizer.ggml.tokens": listOf(tokens) }, whole, []],
  [
    "no merges of a vocabulary of bytes",
    { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": listOf(tokens) },
    whole,
    [/no tokenizer.ggml.merges/],
  ],
  [
    "a vocabulary of bytes with its merges: nothing",
    {
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.tokens": listOf(tokens),
      "tokenizer.ggml.merges": ["t0 t1"],
    },
    whole,
    [],
  ],
  [
    "fewer scores than tokens",
    { "tokenizer.ggml.tokens": listOf(tokens), "tokenizer.ggml.scores": listOf(38) },
    whole,
    [/scores has 38 entries for 40 tokens/],
  ],
  [
    "keys of another architecture",
    { "general.architecture": "qwen2" },
    whole,
    [/"qwen2", and there is llama.block_count, no qwen2/],
  ],
  [
    "more experts chosen than there are",
    { "llama.expert_count": 4, "llama.expert_used_count": 6 },
    whole,
    [/expert_used_count is 6/],
  ],
  [
    "other experts than in the file",
    { "llama.expert_count": 8 },
    { ...whole, "blk.0.ffn_gate_exps.weight": [4, inner, hidden] },
    [/expert_count 8, blk.0.ffn_gate_exps.weight .*\(4\)/],
  ],
  ["factors of half a head: nothing", {}, { ...whole, "rope_freqs.weight": [hidden / heads / 2] }, []],
  [
    "factors of a whole head",
    {},
    { ...whole, "rope_freqs.weight": [hidden / heads] },
    [/2, rope_freqs.weight/],
  ],
  ["no last norm", {}, without("output_norm"), [/no output_norm.weight/]],
  ["a block without queries", {}, without("blk.1.attn_q"), [/Layer 1 has no attn_q.*llama.cpp refuses/]],
])("llama.cpp's own checks: %s", async (_, more, shapes, wanted) => {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, shape, values: Array.from({ length: count }, (_each, at) => Math.sin(at + 1)) };
  });
  const file = ggufFile({ keys: { ...keys, ...more }, tensors });
  const { problems } = await healthOf({ "model.gguf": file }, "/run/model.gguf");
  const found = problems.filter(({ severity }) => severity === "error").map(({ message }) => message);
  expect(found).toEqual(wanted.map((pattern) => expect.stringMatching(pattern)));
});

it("takes as many heads of keys as of queries where none are said, as llama.cpp does", async () => {
  const tensors = Object.entries(whole).map(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, shape, values: Array.from({ length: count }, (_each, at) => Math.sin(at + 1)) };
  });
  const file = ggufFile({ keys: withoutKeyHeads, tensors });
  const { problems } = await healthOf({ "model.gguf": file }, "/run/model.gguf");
  expect(problems.map(({ message }) => message).join()).toMatch(/16, blk.0.attn_k.weight/);
});
