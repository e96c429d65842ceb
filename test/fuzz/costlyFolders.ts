import { deflateRawSync, gzipSync } from "node:zlib";
import { event, eventFile, scalarEvent, simple, summary } from "../core/runs/logs/eventFile";
import { config, history, wandbFile } from "../core/runs/logs/wandbFile";
import { dcpMetadata } from "../support/made/dcpMetadata";
import { ocdbtFolder } from "../support/made/ocdbtFolder";
import { tarFile } from "../support/made/tarFile";
import { zipFile } from "../support/made/zipFile";
import { type CostlyFile, type CostlyFolder, entry, latin1, safetensors } from "./costlyFiles";

/** Below a megabyte, with what is around it. */
const most = 950_000;

const fill = (piece: string, bytes = most) => piece.repeat(Math.floor(bytes / piece.length));

/** Pieces that differ, until they are as long as a file may be. */
function each(piece: (at: number) => string, separator = ",", bytes = most): string {
  const pieces: string[] = [];
  for (let at = 0, length = 0; length < bytes; at++) {
    const next = piece(at);
    pieces.push(next);
    length += next.length + separator.length;
  }
  return pieces.join(separator);
}

const weights = safetensors(`{${entry("l.0.q.lora_A.weight")},${entry("l.0.q.lora_B.weight")}}`);

/** A file beside weights, in a folder that is opened. */
const beside = (file: string, what: string, make: () => string): CostlyFolder => ({
  name: `${file} ${what}`,
  make: () => ({ "adapter_model.safetensors": weights, [file]: latin1(make()) }),
});

/** What any file of settings may hold. */
const settings: readonly (readonly [what: string, make: () => string])[] = [
  ["of brackets", () => `{"a":${fill("[")}`],
  ["of closed brackets", () => `{"a":${fill("[", most / 2)}${fill("]", most / 2)}}`],
  ["of objects in objects", () => fill('{"a":')],
  ["of many keys", () => `{${each((at) => `"${at}":0`)}}`],
  ["of one key many times", () => `{${each(() => '"r":8')}}`],
  ["of a long text", () => `{"model_type":"${fill("x")}"}`],
  ["of a long name", () => `{"${fill("x")}":1}`],
  ["of escapes", () => `{"model_type":"${fill("\\u202e")}"}`],
  ["of numbers", () => `{"a":[${fill("1,")}1]}`],
  ["of a long number", () => `{"r":${fill("9")}}`],
  ["of a list of nothing", () => `{"a":[${fill("{},")}{}]}`],
];

const files = [
  "config.json",
  "adapter_config.json",
  "trainer_state.json",
  "checkpoint-stage.json",
  "metadata.json",
];

const configs: readonly CostlyFolder[] = [
  ...files.flatMap((file) => settings.map(([what, make]) => beside(file, what, make))),
  beside(
    "adapter_config.json",
    "of patterns",
    () => `{"r":8,"rank_pattern":{${each((at) => `"(a+)+${at}$":${at}`)}}}`,
  ),
  beside("adapter_config.json", "of targets", () => `{"r":8,"target_modules":[${each((at) => `"q${at}"`)}]}`),
  beside("adapter_config.json", "of a long pattern", () => `{"r":8,"target_modules":"${fill("(a|b)*")}"}`),
  beside(
    "adapter_config.json",
    "of nested quantifiers",
    () => `{"r":8,"target_modules":"${fill("(", 400_000)}a${fill("*)", 400_000)}"}`,
  ),
  beside(
    "adapter_config.json",
    "of alternatives",
    () => `{"r":8,"target_modules":".*(${each((at) => `a${at}`, "|")})"}`,
  ),
  beside(
    "trainer_state.json",
    "of entries",
    () => `{"global_step":5,"log_history":[${each((at) => `{"step":${at},"loss":1}`)}]}`,
  ),
  beside(
    "trainer_state.json",
    "of metrics",
    () => `{"global_step":5,"log_history":[{"step":1,${each((at) => `"m${at}":1`)}}]}`,
  ),
  beside(
    "trainer_state.json",
    "of a metric each",
    () => `{"global_step":5,"log_history":[${each((at) => `{"step":${at},"m${at}":1}`)}]}`,
  ),
  beside(
    "trainer_state.json",
    "of steps backwards",
    () => `{"global_step":5,"log_history":[${each((at) => `{"step":${1e6 - at},"loss":1}`)}]}`,
  ),
  beside(
    "model.safetensors.index.json",
    "of shards",
    () => `{"weight_map":{${each((at) => `"t${at}":"s${at}.safetensors"`)}}}`,
  ),
  beside(
    "checkpoint-stage.json",
    "of modules",
    () => `{"stage":"x","modules":{${each((at) => `"m${at}":{"rank":1,"energyKept":1}`)}}}`,
  ),
  beside("checkpoint-stage.json", "of parents", () => `{"stage":"x","parent":"${fill("../")}"}`),
];

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** A log beside a checkpoint, and alone in a folder, where it is a run. */
const log = (file: string, what: string, make: () => Uint8Array): readonly CostlyFolder[] => [
  {
    name: `${file} ${what}`,
    make: () => ({ "checkpoint-5/adapter_model.safetensors": weights, [file]: make() }),
  },
];
const text = (file: string, what: string, make: () => string) => log(file, what, () => latin1(make()));

const logs: readonly CostlyFolder[] = [
  ...text(
    "metrics.csv",
    "of columns",
    () => `step,${each((at) => `m${at}`, ",", most / 2)}\n${fill("1,", most / 2)}`,
  ),
  ...text(
    "metrics.csv",
    "of columns and short rows",
    () => `step,${each((at) => `m${at}`, ",", most / 2)}\n${fill("1,1\n", most / 2)}`,
  ),
  ...text("metrics.csv", "of rows", () => `step,loss\n${each((at) => `${at},1`, "\n")}`),
  ...text("metrics.csv", "of quotes", () => `step,loss\n"${fill('""')}`),
  ...text("metrics.csv", "of empty lines", () => `step,loss\n${fill("\n")}`),
  ...text("metrics.csv", "of a long line", () => `step,loss\n${fill("1")}`),
  ...text("log.jsonl", "of entries", () => each((at) => `{"step":${at},"loss":1}`, "\n")),
  ...text("log.jsonl", "of a metric each", () => each((at) => `{"step":${at},"m${at}":1}`, "\n")),
  ...text("log.jsonl", "of brackets", () => `{"step":1,"a":${fill("[")}`),
  ...text("log.jsonl", "of empty objects", () => fill("{}\n")),
  ...text("log.jsonl", "of objects in objects", () => fill('{"a":')),
  ...text(
    "metrics.jsonl",
    "of names of names",
    () => `{"step":1,${each((at) => `"${"a/".repeat(40)}${at}":1`)}}`,
  ),
  ...text("train.log", "of words", () => fill("{'loss': 1.0, 'epoch': 1}\n")),
  ...text("train.log", "of a long line", () => fill("loss: 1 step: 1 ")),
  ...text("train.log", "of a bar", () => fill("\r 1%|#| 1/9 [00:01<00:02, 1it/s]")),
  ...text("train.log", "of spaces", () => fill(" ")),
  ...text("train.log", "of braces", () => fill("{")),
  ...text("train.log", "of quotes", () => fill("{'")),
  ...text("train.log", "of digits", () => fill("1")),
  ...text("train.log", "of names", () => fill("a_")),
  ...text("train.log", "of equals", () => fill("a=1 ")),
  ...text("train.log", "of colons", () => fill("a:")),
  ...text("log_1234567.txt", "of pairs", () => fill("Step 1 | loss:1 ")),
  ...text("hparams.yaml", "of depth", () => each((at) => `${" ".repeat(at)}a:`, "\n")),
  ...text("hparams.yaml", "of brackets", () => `a: ${fill("[")}`),
  ...text("hparams.yaml", "of keys", () => each((at) => `k${at}: 1`, "\n")),
  ...text("hparams.yaml", "of aliases", () => `a: &a [1]\n${each((at) => `b${at}: [*a,*a]`, "\n")}`),
  ...text("mlruns/0/abc/metrics/loss", "of entries", () => each((at) => `1 1 ${at}`, "\n")),
  ...log("events.out.tfevents.1.x", "of scalars", () =>
    eventFile(...many(10_000, (at) => scalarEvent("loss", at, 1))),
  ),
  ...log("events.out.tfevents.1.x", "of tags", () =>
    eventFile(event(1, 1, summary(...many(35_000, (at) => simple(`t${at}`, 1))))),
  ),
  ...log("events.out.tfevents.1.x", "of steps backwards", () =>
    eventFile(...many(10_000, (at) => scalarEvent("loss", 20_000 - at, 1))),
  ),
  ...log("events.out.tfevents.1.x", "of zeros", () =>
    Uint8Array.from([...eventFile(), ...new Uint8Array(900_000)]),
  ),
  ...log("run-abc.wandb", "of steps", () =>
    wandbFile(...many(10_000, (at) => history({ _step: at, loss: 1 }))),
  ),
  ...log("run-abc.wandb", "of a metric each", () =>
    wandbFile(...many(10_000, (at) => history({ _step: at, [`m${at}`]: 1 }))),
  ),
  ...log("run-abc.wandb", "of settings", () =>
    wandbFile(
      config({ a: fill("[", 300_000) }),
      config(Object.fromEntries(many(20_000, (at) => [`k${at}`, at]))),
    ),
  ),
];

const dcp = (what: string, make: () => Uint8Array): CostlyFolder => ({
  name: `.metadata ${what}`,
  make: () => ({ ".metadata": make(), "__0_0.distcp": new Uint8Array(100) }),
});

const distributed: readonly CostlyFolder[] = [
  dcp("of tensors", () =>
    dcpMetadata({
      tensors: many(2500, (at) => ({ name: `t${at}`, shape: [1], chunks: [{ offsets: [0], sizes: [1] }] })),
    }),
  ),
  dcp("of chunks", () =>
    dcpMetadata({
      tensors: [{ name: "t", shape: [9e9], chunks: many(2800, (at) => ({ offsets: [at], sizes: [1] })) }],
    }),
  ),
  dcp("of chunks that overlap", () =>
    dcpMetadata({
      tensors: [
        { name: "t", shape: [9e9, 9e9], chunks: many(2500, () => ({ offsets: [0, 0], sizes: [9e9, 9e9] })) },
      ],
    }),
  ),
  dcp("of pieces of names", () =>
    dcpMetadata({
      tensors: many(100, (at) => ({
        name: `${"a.".repeat(2000)}${at}`,
        shape: [1],
        chunks: [{ offsets: [0], sizes: [1] }],
      })),
    }),
  ),
];

/** MessagePack: a map of one, whose text key is followed by what is given. */
const msgpack = (body: string) => latin1(`\x81\xa6params${body}`);
const fixText = (value: string) => `${String.fromCharCode(0xa0 + value.length)}${value}`;

/** Seven arrays of 120 MB each of zeros, in 820 kB. */
function longArrays(): Uint8Array {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (30000000,), }".padEnd(117);
  const head = latin1(`\x93NUMPY\x01\0\x76\0${header}\n`);
  const whole = new Uint8Array(head.length + 120_000_000);
  whole.set(head);
  const data = new Uint8Array(deflateRawSync(whole));
  return zipFile(many(7, (at) => ({ name: `${at}.npy`, data, method: 8, claimedSize: whole.length })));
}

/** A tensor of Orbax in one chunk of 400 MB of zeros. */
function longChunk(): Readonly<Record<string, Uint8Array>> {
  const array = {
    zarr_format: 2,
    shape: [100_000_000],
    chunks: [100_000_000],
    dtype: "<f4",
    compressor: { id: "gzip", level: 1 },
    fill_value: 0,
    order: "C",
  };
  const entries = [
    { key: "a/.zarray", value: latin1(JSON.stringify(array)), inline: true },
    { key: "a/0", value: new Uint8Array(gzipSync(new Uint8Array(400_000_000))) },
  ];
  const files = Object.entries(ocdbtFolder("", entries)).map(
    ([path, bytes]) => [path.slice(1), bytes] as const,
  );
  const tree = { tree_metadata: { a: { key_metadata: [{ key: "a" }], value_metadata: {} } } };
  return { ...Object.fromEntries(files), _METADATA: latin1(JSON.stringify(tree)) };
}

export const costlyFolders: readonly (CostlyFile | CostlyFolder)[] = [
  ...configs,
  ...logs,
  ...distributed,
  { name: "maps in maps.msgpack", make: () => msgpack(fill("\x81\xa1a")) },
  { name: "a map of 2^32.msgpack", make: () => msgpack(`\xdf\xff\xff\xff\xff${fill("\xa1a\x01")}`) },
  {
    name: "numbers.msgpack",
    make: () => msgpack(`\xdf\0\x04\0\0${each((at) => `${fixText(`k${at}`)}\x01`, "")}`),
  },
  { name: "arrays.msgpack", make: () => msgpack(`\x81\xa1a\xdd\0\x0e\0\0${fill("\x90")}`) },
  {
    name: "tensors.msgpack",
    make: () =>
      msgpack(
        `\xdf\0\0\x80\0${each((at) => `${fixText(`k${at}`)}\xc7\x0c\x01\x93\x91\x01\xa5uint8\xc4\x01a`, "")}`,
      ),
  },
  { name: "arrays that inflate to 120 MB each.npz", make: longArrays },
  { name: "a chunk of 400 MB of Orbax", make: longChunk },
  { name: "many members.tar", make: () => tarFile(many(900, (at) => ({ name: `${at}` }))) },
  {
    name: "many members.nemo",
    make: () => tarFile(many(900, (at) => ({ name: `./${at}.yaml`, content: latin1("a: 1") }))),
  },
  {
    name: "long names.tar",
    make: () => tarFile(many(300, () => ({ name: "x", type: "L", content: latin1("n".repeat(2000)) }))),
  },
  {
    name: "many tensors of one letter.safetensors",
    make: () =>
      safetensors(
        `{${each((at) => `"${at.toString(36)}":{"dtype":"I8","shape":[],"data_offsets":[${at},${at + 1}]}`)}}`,
      ),
  },
  { name: "one tensor many times.safetensors", make: () => safetensors(`{${each(() => entry("a"))}}`) },
  { name: "a header of spaces.safetensors", make: () => safetensors(`{${fill(" ")}}`) },
  { name: "a header of commas.safetensors", make: () => safetensors(`{${fill(",")}}`) },
];
