import type { Files } from "../../bytes/files";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { FolderContext } from "../../checkpoint/folderContext";
import {
  isJsonArray,
  isJsonObject,
  type JsonValue,
  jsonIn,
  jsonNumber,
  jsonObjectIn,
} from "../../json/parseJson";
import { maxTokenListBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** The rows of text tokens, as decoders and encoders name them; PEFT's copy that was trained whole too. */
const embedding =
  /(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared)\.(?:modules_to_save\.(?:default\.)?)?weight$/;

interface AddedToken {
  readonly id: number;
  readonly token: string;
}

/**
 * Tokens that were added to the tokenizer beside the weights, whose embedding has no row for them: the first text with
 * one stops with "index out of range". The embedding must be resized before it is saved.
 */
export async function tokenizerSize(
  files: Files,
  { tensors, path }: Checkpoint,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const largest = tokenRows(tensors);
  if (largest === undefined) return [];
  const rows = rowsOf(largest);
  const added = (await Promise.all(sources.map((source) => tokensIn(files, folder, source, signal)))).flat();
  const beyond = added
    .filter(({ id, token }) => id >= rows && !placeholder.test(token))
    .sort((a, b) => a.id - b.id);
  const [first] = beyond;
  if (first === undefined) return [];
  const ids = new Set(beyond.map(({ id }) => id)).size;
  const which = `${quote(first.token)} (id ${formatCount(first.id)})${ids === 1 ? "" : ` and ${formatCount(ids - 1)} more`}`;
  const message = `The tokenizer has ${which}, ${largest.name} has ${formatCount(rows)} rows: text with such a token has no embedding. Resize the embedding to ${formatCount(Math.max(...beyond.map(({ id }) => id)) + 1)} rows, or take the tokenizer that belongs to it.`;
  return [{ severity: "warning", code: "TokenizerLarger", message, file: path, tensor: largest.name }];
}

/** The embedding of text, where its rows are those of tokens. */
export function tokenRows(tensors: readonly Tensor[]): Tensor | undefined {
  const [largest] = tensors
    .filter(({ name, shape }) => embedding.test(name) && shape.length === 2)
    .sort((a, b) => rowsOf(b) - rowsOf(a));
  return largest === undefined || rowsOf(largest) === 0 || isPacked(largest) ? undefined : largest;
}

/** Places for what is no text: a model of text alone has no row for them, and its texts none of them (Gemma 3). */
const placeholder = /image|img|video|vision|audio|speech/i;

const rowsOf = ({ shape }: Tensor) => shape[0] ?? 0;

function isPacked({ dtype }: Tensor): boolean {
  return !/^(?:F|BF)\d/.test(dtype);
}

/** Where transformers writes the tokens that were added to a vocabulary, and how they are told there. */
const sources: readonly TokenSource[] = [
  {
    name: "added_tokens.json",
    tokens: (text) =>
      [...(jsonObjectIn(text) ?? [])].flatMap(([token, id]) => numbered(token, jsonNumber(id))),
  },
  {
    name: "tokenizer_config.json",
    tokens(text) {
      const added = jsonObjectIn(text)?.get("added_tokens_decoder");
      if (!isJsonObject(added)) return [];
      return [...added].flatMap(([id, token]) =>
        /^\d{1,9}$/.test(id) ? withContent(Number(id), token) : [],
      );
    },
  },
  {
    // A token a line, the first of which is token 0; also an empty one is a token.
    name: "vocab.txt",
    tokens(text) {
      const lines = text.replace(/\r?\n$/, "").split("\n");
      return numbered(lines.at(-1) ?? "", lines.length - 1);
    },
  },
  {
    name: "vocab.json",
    tokens: (text) =>
      [...(jsonObjectIn(text) ?? [])].flatMap(([token, id]) => numbered(token, jsonNumber(id))),
  },
  {
    // The list stands before the vocabulary, which may have ten megabytes.
    name: "tokenizer.json",
    tokens(text) {
      const from = text.indexOf("[", text.indexOf('"added_tokens"'));
      const list = text.slice(from, text.lastIndexOf("]", text.indexOf('"normalizer"', from)) + 1);
      const added = jsonIn(list);
      if (!isJsonArray(added)) return [];
      return added.flatMap((token) =>
        isJsonObject(token) ? withContent(jsonNumber(token.get("id")), token) : [],
      );
    },
  },
];

interface TokenSource {
  readonly name: string;
  tokens(text: string): readonly AddedToken[];
}

function withContent(id: number | undefined, token: JsonValue): AddedToken[] {
  const content = isJsonObject(token) ? token.get("content") : undefined;
  return numbered(typeof content === "string" ? content : "", id);
}

function numbered(token: string, id: number | undefined): AddedToken[] {
  return id === undefined || !Number.isSafeInteger(id) ? [] : [{ id, token }];
}

/** Nothing of a file that is missing, or whose beginning is not what it should be: others say that. */
async function tokensIn(
  files: Files,
  folder: FolderContext,
  { name, tokens }: TokenSource,
  signal?: AbortSignal,
): Promise<readonly AddedToken[]> {
  const file = folder.files.find((one) => one.kind === "file" && one.name === name);
  if (file === undefined) return [];
  try {
    const source = await files.open(file.path);
    try {
      const bytes = await source.read(0, Math.min(source.size, maxTokenListBytes), signal);
      return tokens(new TextDecoder("utf-8").decode(bytes));
    } finally {
      await source.close();
    }
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}
