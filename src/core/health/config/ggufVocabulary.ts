import type { Problem } from "../../problem/problem";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

type Metadata = ReadonlyMap<string, string>;

/** Entries of a list, which long ones say at their end. */
export function entriesOf(metadata: Metadata, key: string): number | undefined {
  const count = /… ([\d,]+) of \w+\]$/.exec(metadata.get(key) ?? "")?.[1];
  return count === undefined ? undefined : Number(count.replaceAll(",", ""));
}

/** As loaders write "none" into an unsigned key. */
const none = 2 ** 32 - 1;

/** What llama.cpp's `llama_vocab::impl::load` asks of a vocabulary, and of the lists that go with its tokens. */
export function ggufVocabulary(metadata: Metadata): readonly Problem[] {
  const tokens = entriesOf(metadata, "tokenizer.ggml.tokens");
  if (tokens === undefined) return [];
  const problems: Problem[] = [];
  if (metadata.get("tokenizer.ggml.model") === "gpt2" && !metadata.has("tokenizer.ggml.merges"))
    problems.push({
      severity: "error",
      code: "VocabularyLacks",
      message: `The tokenizer is ${quote("gpt2")}, and there is no tokenizer.ggml.merges: llama.cpp refuses the file. Convert it with a converter that reads this tokenizer.json.`,
    });
  for (const key of ["tokenizer.ggml.scores", "tokenizer.ggml.token_type"]) {
    const entries = entriesOf(metadata, key);
    if (entries === undefined || entries === tokens) continue;
    problems.push({
      severity: entries < tokens ? "error" : "warning",
      code: "VocabularyLacks",
      message: `${key} has ${formatCount(entries)} entries for ${formatCount(tokens)} tokens: llama.cpp takes one for each token.`,
    });
  }
  for (const kind of ["bos", "eos", "eot"]) {
    const key = `tokenizer.ggml.${kind}_token_id`;
    const id = Number(metadata.get(key));
    if (!Number.isInteger(id) || id < tokens || id === none) continue;
    problems.push({
      severity: "warning",
      code: "VocabularyLacks",
      message: `${key} is ${formatCount(id)}, and there are ${formatCount(tokens)} tokens: llama.cpp leaves it out, and takes its own.`,
    });
  }
  return problems;
}
