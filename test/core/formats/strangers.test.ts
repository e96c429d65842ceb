import { expect, it } from "vitest";
import { latin1, little } from "./pickle/latin1";
import { errorOf, readBytes } from "./safetensors/readFile";

/** A field of a message that has a length: its number, and what it holds. */
const field = (number: number, value: string) =>
  `${String.fromCharCode(8 * number + 2)}${varint(value.length)}${value}`;

function varint(value: number): string {
  return value < 0x80
    ? String.fromCharCode(value)
    : String.fromCharCode(0x80 + (value % 0x80)) + varint(Math.floor(value / 0x80));
}

/** `graph.proto`, `meta_graph.proto`, `saved_model.proto`, `saved_tensor_slice.proto` of TensorFlow. */
const node = field(1, "x") + field(2, "Placeholder") + field(5, field(1, "dtype"));
const metaGraph = field(1, field(2, field(1, "Add") + field(3, "y".repeat(300))));
const slices = field(1, field(1, `${field(1, "beta1_power")}${field(2, "")}\x18\x01`));

it.each([
  ["saved_model.pb", `\x08\x01${field(2, metaGraph)}`, /graph of a TensorFlow SavedModel.*variables\.index/],
  ["model.pb", `\x08\x01${field(2, metaGraph)}`, /graph of a TensorFlow SavedModel/],
  ["frozen_inference_graph.pb", field(1, node) + field(1, node), /frozen graph of TensorFlow/],
  ["model.ckpt.meta", metaGraph, /graph beside a TensorFlow checkpoint.*\.index/],
  ["model.ckpt", `\0\0${varint(slices.length)}${slices}`, /TensorFlow checkpoint of the first format/],
  ["checkpoint", 'model_checkpoint_path: "/home/me/run/m.ckpt-20"\n', /newest checkpoint.*m\.ckpt-20\.index/],
  ["tokenizer.model", field(1, `${field(1, "<unk>")}\x15\0\0\0\0\x18\x02`), /SentencePiece/],
  ["ja.model", field(1, `${field(1, "<unk>")}\x18\x02`) + field(1, field(1, "<s>")), /SentencePiece/],
  ["a.model", `${"\0".repeat(136)}${little(15, 8)}binary:logistic`, /XGBoost model in its old binary/],
  ["b.model", `binf${"\0".repeat(136)}${little(16, 8)}reg:squarederror`, /XGBoost model in its old binary/],
  ["c.txt", "tree\nversion=v3\nnum_class=1\n", /LightGBM/],
  ["d.json", '{"learner":{"attributes":{}},"version":[1,7,6]}', /XGBoost model \(JSON\)/],
  ["model.json", '{"class_name": "Sequential", "config": {}}', /architecture of a Keras model/],
  ["model.json", '{"format": "layers-model", "weightsManifest": []}', /TensorFlow\.js/],
  ["_METADATA", '{"tree_metadata": {}}', /Orbax notes/],
  ["config.json", '{\n  "hidden_size": 8\n}', /JSON text, not a checkpoint/],
  ["model.ort", "\x30\0\0\0ORTM\0\0\0\0", /ONNX Runtime model/],
  [
    "events.out.tfevents.1",
    `${little(24, 8)}crc.\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2crc.`,
    /event file of TensorBoard/,
  ],
  [
    "events.out.tfevents",
    `${little(36, 8)}crc.\x09\0\0\0\0\0\0\0\0\x2a\x19\x0a\x17\x0a\x07Total`,
    /event file of TensorBoard/,
  ],
  ["air.nc", "CDF\x01\0\0\0\0\0\0\0\x0a", /NetCDF/],
  ["model.pte", "\x3c\0\0\0ET12\x04\0", /ExecuTorch program/],
  ["fingerprint.pb", "\x08\xc1\xd4\xef\x90\xe6\xf3\xd7\xee\x01", /fingerprint of a TensorFlow SavedModel/],
  [
    "adapter_model.bin",
    "Placeholder for LoRA weights.\nTODO",
    /text, not a checkpoint.*"Placeholder for LoRA weights\."/,
  ],
  ["a.parquet", "PAR1\x15\x04", /Parquet/],
])("%s is told to be what it is", async (name, content, words) => {
  const error = await errorOf(readBytes(latin1(content), name));
  expect(error).toMatchObject({ code: "UnsupportedFormat" });
  expect(error.message).toMatch(words);
});
