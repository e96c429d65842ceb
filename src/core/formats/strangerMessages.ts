import { quote } from "../text/quote";

/** Kinds of files that begin with no magic: messages of protocol buffers, tables, and text. */

const saysNothing = "It says how a model computes, and has none of its values.";
const graphBeside = "Its weights are in variables/variables.index beside it.";

/** A kind that is told by more than a few bytes at one place. */
interface Kind {
  /** As the beginning of "This is …". */
  readonly name: string;
  readonly advice?: string;
}

/** What a file is by the shape of its first message or line; undefined where nothing tells. */
export function strangerByShape(head: Uint8Array, fileName: string): Kind | undefined {
  return byMessage(head, fileName.toLowerCase()) ?? byText(head);
}

function byMessage(head: Uint8Array, fileName: string): Kind | undefined {
  if (isSavedModel(head)) return { name: "the graph of a TensorFlow SavedModel", advice: graphBeside };
  if (isSentencePiece(head)) return { name: "a SentencePiece tokenizer" };
  if (isOldTensorFlow(head))
    return {
      name: "a TensorFlow checkpoint of the first format, before TensorFlow 0.12 (2016)",
      advice: "tf.train.Saver of TensorFlow 1 reads it and saves it in the format that opens here.",
    };
  if (isEventFile(head))
    return {
      name: "an event file of TensorBoard, a training's log and no checkpoint",
      advice: "Open its folder, or name that to `runs`, to see what it logs.",
    };
  if (isOldXgboost(head)) return { name: "an XGBoost model in its old binary format" };
  if (head[0] !== 0x0a) return undefined;
  if (fileName.endsWith(".meta"))
    return { name: "the graph beside a TensorFlow checkpoint", advice: "Open the .index beside it." };
  if (fileName === "keras_metadata.pb")
    return { name: "what Keras notes of a SavedModel's layers", advice: saysNothing };
  if (fileName.endsWith(".pdmodel"))
    return { name: "the program of a PaddlePaddle model", advice: saysNothing };
  return isGraph(head) ? { name: "a frozen graph of TensorFlow, with its weights as constants" } : undefined;
}

/** Versions of `saved_model.proto` are 1 yet; a MetaGraphDef follows, which begins with its MetaInfoDef. */
export function isSavedModel(head: Uint8Array): boolean {
  if (head[0] !== 0x08 || head[1] !== 0x01 || head[2] !== 0x12) return false;
  const { next } = varint(head, 3);
  return head[next] === 0x0a;
}

/** `sentencepiece_model.proto`: pieces, each with a text and a score, which the first has not where that is 0. */
function isSentencePiece(head: Uint8Array): boolean {
  if (head[0] !== 0x0a || head[2] !== 0x0a) return false;
  const size = head[1] as number;
  const length = head[3] as number;
  if (size >= length + 7 && size <= length + 9 && head[4 + length] === 0x15) return true;
  // Then its type, of an unknown or control piece, and the next piece.
  return size === length + 4 && head[4 + length] === 0x18 && head[6 + length] === 0x0a;
}

/** Records with their length and its checksum before them; `event.proto` begins with its time, and the first names its version. */
function isEventFile(head: Uint8Array): boolean {
  if (head.length < 28 || head[12] !== 0x09 || head.subarray(2, 8).some((byte) => byte !== 0)) return false;
  // CatBoost leaves the version out and begins with a summary.
  return latin1(head.subarray(21, 35)) === "\x1a\x0dbrain.Event:" || (head[21] === 0x2a && head[23] === 0x0a);
}

/** `graph.proto`: nodes, each with a name and an operator in letters. */
function isGraph(head: Uint8Array): boolean {
  const node = varint(head, 1);
  const name = head[node.next] === 0x0a ? varint(head, node.next + 1) : undefined;
  if (name === undefined || name.value > 1000) return false;
  const at = name.next + name.value;
  if (head[at] !== 0x12) return false;
  const operator = varint(head, at + 1);
  const letters = head.subarray(operator.next, operator.next + Math.min(operator.value, 100));
  return (
    letters.length > 1 &&
    /^[A-Z]\w*$/.test(latin1(letters)) &&
    operator.next + operator.value <= node.next + node.value
  );
}

/** `saved_tensor_slice.proto` as the first value of a sorted table, under an empty key. */
function isOldTensorFlow(head: Uint8Array): boolean {
  if (head[0] !== 0 || head[1] !== 0) return false;
  const entry = varint(head, 2);
  if (head[entry.next] !== 0x0a) return false;
  const meta = varint(head, entry.next + 1);
  if (head[meta.next] !== 0x0a || meta.next + meta.value !== entry.next + entry.value) return false;
  const tensor = varint(head, meta.next + 1);
  return head[tensor.next] === 0x0a && tensor.value > 2 && tensor.value < meta.value;
}

/** A block of 136 bytes, and the name of the objective behind its length (`LearnerModelParamLegacy`). */
function isOldXgboost(head: Uint8Array): boolean {
  const start = latin1(head.subarray(0, 4)) === "binf" ? 4 : 0;
  const at = start + 136;
  const length = head[at] ?? 0;
  const isShort = length > 3 && head.subarray(at + 1, at + 8).every((byte) => byte === 0);
  return (
    isShort &&
    /^(?:binary|reg|multi|rank|count|survival|aft):\w+$/.test(latin1(head.subarray(at + 8, at + 8 + length)))
  );
}

function byText(head: Uint8Array): Kind | undefined {
  const text = latin1(head.subarray(0, 4096))
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  const newest = /^model_checkpoint_path: "([^"\n]{1,200})"/.exec(text)?.[1];
  if (newest !== undefined)
    return {
      name: "TensorFlow's note of its newest checkpoint",
      advice: `Open ${newest.replace(/^.*[\\/]/, "")}.index beside it.`,
    };
  if (/^tree\r?\nversion=/.test(text)) return { name: "a LightGBM model" };
  if (/^[[{]\s*(?:["[{\d-]|\}|\])/.test(text)) return byJson(text);
  return plainText(text);
}

/** Enough of a text to be none by chance. */
const leastText = 16;

/** What people leave in place of weights: a note, a list, a program. */
function plainText(text: string): Kind | undefined {
  if (text.length < leastText || !/^[\t\n\r -~]+$/.test(text)) return undefined;
  const line = /^.*/.exec(text)?.[0].trim() ?? "";
  const shown = line.length > maxShownLine ? `${line.slice(0, maxShownLine)}…` : line;
  return { name: "text, not a checkpoint", advice: `It begins with ${quote(shown)}.` };
}

const maxShownLine = 80;

function byJson(text: string): Kind {
  if (/^\{\s*"learner"\s*:/.test(text) || /^\{\s*"version"\s*:\s*\[[^\]]*\]\s*,\s*"learner"/.test(text))
    return { name: "an XGBoost model (JSON)" };
  if (/"weightsManifest"\s*:|"format"\s*:\s*"(?:layers|graph)-model"/.test(text))
    return {
      name: "the description of a TensorFlow.js model",
      advice: "Its weights are in the .bin files beside it.",
    };
  if (/^\{\s*"(?:module|class_name|config|keras_version|backend)"/.test(text) && /"class_name"/.test(text))
    return { name: "the architecture of a Keras model", advice: saysNothing };
  if (/^\{\s*"tree_metadata"/.test(text) || /^\{\s*"item_handlers"/.test(text))
    return { name: "what Orbax notes of a checkpoint", advice: "Open the folder." };
  return { name: "JSON text, not a checkpoint" };
}

function varint(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return { value: Number.POSITIVE_INFINITY, next: at + 5 };
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
