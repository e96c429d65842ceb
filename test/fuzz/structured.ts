import { event, eventFile, scalarEvent, simple, summary } from "../core/runs/logs/eventFile";
import { config, history, summaryRecord, wandbFile } from "../core/runs/logs/wandbFile";
import { dcpMetadata } from "../support/made/dcpMetadata";
import { protoBytes, protoNumber } from "../support/made/proto";
import { type ZipMember, zipFile } from "../support/made/zipFile";
import { hostileSibling, nemoRanks, settingsOfCode } from "./besideWeights";
import { latin1, safetensors } from "./costlyFiles";
import { brokenRanks } from "./distributedFolders";
import { hidingPlaces, hostilePickles, wholePickle } from "./hostilePickles";
import { mutate, type Random } from "./mutate";

/** Files that are well formed where their readers look first, and wrong further in. */
export interface Made {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** What is opened: a file or a folder. */
  readonly path: string;
  /** A pickle would run code: a report that says nothing of that is a fault. */
  readonly mustBeTold?: string;
  /** A folder of logs rather than a checkpoint. */
  readonly isRun?: true;
}

const hostile = (random: Random): Made => {
  const pickle = random.of(hostilePickles);
  const { place, fileName, hide } = random.of(hidingPlaces);
  return {
    files: { [`/f/${fileName}`]: hide(wholePickle(pickle)) },
    path: `/f/${fileName}`,
    mustBeTold: `${pickle.way}, in ${place}`,
  };
};

/** The same, damaged: what is told of it is anyone's guess. */
const damagedHostile = (random: Random): Made => {
  const { files, path } = hostile(random);
  const [name = "", bytes = new Uint8Array()] = Object.entries(files)[0] ?? [];
  return { files: { [name]: mutate(bytes, bytes, random) }, path };
};

const sometimes = <T>(random: Random, value: () => T): T | undefined =>
  random.below(4) === 0 ? value() : undefined;
const numbers = [0, 1, 2, 7, 255, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 1e18, -1, 0.5];
const names = [
  "m/data.pkl",
  "m/data/0",
  "m/version",
  "m/byteorder",
  "DATA.PKL",
  "m/.data/x",
  "../x",
  "m/",
  "",
  "m/code/x.py",
  "a.npy",
  "m/data.pkl\0",
  "ü.pkl",
  "m/constants.pkl",
];

const lyingZip = (random: Random): Made => {
  const members = Array.from({ length: 1 + random.below(5) }, (): ZipMember => {
    const pickle = random.below(2) === 0 ? wholePickle(random.of(hostilePickles)) : latin1("\x80\x02}.");
    return Object.fromEntries(
      Object.entries({
        name: random.below(3) === 0 ? "m/data.pkl" : random.of(names),
        data: pickle,
        deflated: sometimes(random, () => true),
        padding: sometimes(random, () => random.below(100)),
        descriptor: sometimes(random, () => true),
        zip64: sometimes(random, () => true),
        flags: sometimes(random, () => random.below(65_536)),
        crc: sometimes(random, () => random.below(2 ** 32)),
        claimedSize: sometimes(random, () => random.below(2) * 2 ** 31 + random.below(200)),
        method: sometimes(random, () => random.of([0, 8, 9, 12, 14, 93, 99])),
        localName: sometimes(random, () => random.of(names)),
      }).filter(([, value]) => value !== undefined),
    ) as unknown as ZipMember;
  });
  const options = {
    ...(random.below(4) === 0 ? { zip64: true } : {}),
    ...(random.below(4) === 0 ? { claimedCount: random.below(65_536) } : {}),
    ...(random.below(6) === 0 ? { prefix: wholePickle(random.of(hostilePickles)) } : {}),
  };
  const bytes = zipFile(members, options);
  const path = random.of(["/f/a.pt", "/f/a.bin", "/f/a.npz", "/f/a.ckpt", "/f/a.keras"]);
  return { files: { [path]: random.below(3) === 0 ? mutate(bytes, bytes, random) : bytes }, path };
};

/** Anything that JSON can hold, with the keys that a reader looks for. */
function anyJson(random: Random, keys: readonly string[], depth = 0): unknown {
  const kind = random.below(depth > 4 ? 6 : 9);
  if (kind < 2) return random.of(numbers);
  if (kind === 2) return random.of([true, false, null]);
  if (kind < 6)
    return random.of([
      "",
      "q_proj",
      "0",
      "NaN",
      "/etc/passwd",
      "../..",
      "(a+)+$",
      "\u202e",
      "__proto__",
      "x".repeat(3000),
      "F32",
      "I8",
      "hf_abcdefghijklmnopqrstuvwxyz012345",
    ]);
  const length = random.below(5);
  if (kind === 6) return Array.from({ length }, () => anyJson(random, keys, depth + 1));
  return Object.fromEntries(
    Array.from({ length }, () => [random.of(keys), anyJson(random, keys, depth + 1)]),
  );
}

const keysOf = {
  "config.json": [
    "model_type",
    "architectures",
    "torch_dtype",
    "quantization_config",
    "quant_method",
    "bits",
    "num_hidden_layers",
    "tie_word_embeddings",
    "__proto__",
  ],
  "adapter_config.json": [
    "peft_type",
    "r",
    "lora_alpha",
    "target_modules",
    "rank_pattern",
    "alpha_pattern",
    "base_model_name_or_path",
    "use_rslora",
    "use_dora",
    "modules_to_save",
    "fan_in_fan_out",
    "layers_pattern",
  ],
  "trainer_state.json": [
    "log_history",
    "global_step",
    "max_steps",
    "epoch",
    "step",
    "loss",
    "best_metric",
    "best_model_checkpoint",
    "train_batch_size",
    "num_train_epochs",
  ],
  "checkpoint-stage.json": [
    "stage",
    "note",
    "parent",
    "base",
    "createdAt",
    "createdBy",
    "modules",
    "rank",
    "energyKept",
    "method",
  ],
  "model.safetensors.index.json": ["weight_map", "metadata", "total_size", "a", "l.0.q.lora_A.weight"],
  "tokenizer_config.json": ["chat_template", "token", "api_key"],
} as const;

const weights = safetensors(
  '{"l.0.q.lora_A.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"l.0.q.lora_B.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]}}',
);
const withData = (header: Uint8Array, length = 64) =>
  new Uint8Array(Buffer.concat([header, new Uint8Array(length)]));

const settings = (random: Random): Made => {
  const file = random.of(Object.keys(keysOf)) as keyof typeof keysOf;
  const keys: readonly string[] = keysOf[file];
  const value = Object.fromEntries(
    keys.slice(0, 1 + random.below(keys.length)).map((key) => [key, anyJson(random, keys)]),
  );
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const written = random.below(4) === 0 ? mutate(bytes, bytes, random) : bytes;
  return {
    files: {
      "/f/checkpoint-5/adapter_model.safetensors": withData(weights),
      [`/f/checkpoint-5/${file}`]: written,
    },
    path: file.endsWith(".index.json") ? `/f/checkpoint-5/${file}` : "/f/checkpoint-5",
  };
};

const header = (random: Random): Made => {
  const keys = ["dtype", "shape", "data_offsets", "__metadata__", "a", "b.weight", "__proto__"];
  const tensor = () =>
    random.below(3) === 0
      ? anyJson(random, keys)
      : {
          dtype: random.of(["F32", "BF16", "I8", "F4", "x", ""]),
          shape: Array.from({ length: random.below(4) }, () => random.of(numbers)),
          data_offsets: [random.of(numbers), random.of(numbers)],
        };
  const text = JSON.stringify(
    Object.fromEntries(
      Array.from({ length: random.below(5) }, (_, at) => [random.of([`t${at}`, ...keys]), tensor()]),
    ),
  );
  const bytes = withData(
    safetensors(random.below(5) === 0 ? text.slice(0, -1 - random.below(9)) : text),
    random.below(200),
  );
  return { files: { "/f/m.safetensors": bytes }, path: "/f/m.safetensors" };
};

const textLog = (random: Random): string => {
  const cell = () =>
    random.of([
      "1",
      "0.5",
      "",
      "nan",
      "inf",
      "1e400",
      '"',
      '"a,b"',
      "step",
      "loss",
      "2024-01-01 00:00:00",
      "{",
      "}",
      "'loss': 1",
      "-1",
      "9".repeat(400),
      "\u202e",
      "[1]",
      '{"step":1}',
    ]);
  const line = (separator: string) => Array.from({ length: random.below(6) }, cell).join(separator);
  const separator = random.of([",", "\t", ";", " ", " | ", ": "]);
  return [
    random.of(["step,loss", "step\tloss\tepoch", "epoch,loss,lr", ""]),
    ...Array.from({ length: random.below(20) }, () => line(separator)),
  ].join(random.of(["\n", "\r\n", "\r"]));
};

const jsonLines = (random: Random): string =>
  Array.from({ length: random.below(12) }, () =>
    JSON.stringify(
      anyJson(random, ["step", "loss", "epoch", "global_step/max_steps", "_step", "eval_loss", "lr"]),
    ),
  ).join("\n");

const binaryLogs: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  "events.out.tfevents.1.x": (random) =>
    eventFile(
      ...Array.from({ length: random.below(6) }, (_, at) =>
        scalarEvent(random.of(["loss", "train/loss", "\u202e"]), at, at),
      ),
      event(random.of([0, 2 ** 40, 3]), Number.NaN, summary(simple("x", Number.NaN))),
    ),
  "run-abc.wandb": (random) =>
    wandbFile(
      config({ a: anyJson(random, ["value", "desc", "_wandb"]) }),
      ...Array.from({ length: random.below(6) }, (_, at) =>
        history({ _step: random.of([at, ...numbers]), loss: anyJson(random, ["value"]) }),
      ),
      summaryRecord({ loss: anyJson(random, ["value", "min"]) }),
    ),
};

const textNames = [
  "metrics.csv",
  "log.csv",
  "log.jsonl",
  "metrics.jsonl",
  "train.log",
  "log_1234567.txt",
  "hparams.yaml",
  "all_results.json",
  "trainer_log.jsonl",
  "mlruns/0/abc/metrics/loss",
];

const logs = (random: Random): Made => {
  const isText = random.below(3) > 0;
  const file = random.of(isText ? textNames : Object.keys(binaryLogs));
  const bytes = isText
    ? new TextEncoder().encode(file.includes("json") ? jsonLines(random) : textLog(random))
    : (binaryLogs[file]?.(random) ?? new Uint8Array());
  const written = bytes.length > 0 && random.below(2) === 0 ? mutate(bytes, bytes, random) : bytes;
  return {
    files: { "/f/checkpoint-5/adapter_model.safetensors": withData(weights), [`/f/${file}`]: written },
    path: "/f",
    isRun: true,
  };
};

const distributed = (random: Random): Made => {
  const number = () => random.of(numbers.filter((each) => each >= 0 && Number.isSafeInteger(each)));
  const list = () => Array.from({ length: random.below(4) }, number);
  const metadata = dcpMetadata({
    tensors: Array.from({ length: random.below(4) }, (_, at) => ({
      name: random.of([`t${at}`, "optim.state.w.exp_avg", "a..b", ""]),
      shape: list(),
      dtype: random.of(["float32", "bfloat16", "int4", "no"]),
      chunks: Array.from({ length: random.below(3) }, () => ({
        offsets: list(),
        sizes: list(),
        file: random.of(["__0_0.distcp", "../../x", "__1_0.distcp"]),
        offset: number(),
        length: number(),
      })),
    })),
  });
  const written = random.below(2) === 0 ? mutate(metadata, metadata, random) : metadata;
  return { files: { "/f/.metadata": written, "/f/__0_0.distcp": new Uint8Array(100) }, path: "/f" };
};

const onnx = (random: Random): Made => {
  const text = (field: number) => protoBytes(field, [...Buffer.from(random.of(["w", "", "a.b"]))]);
  const tensor = () => [
    ...Array.from({ length: random.below(4) }, () =>
      protoNumber(1, Math.max(0, Math.trunc(random.of(numbers)))),
    ).flat(),
    ...protoNumber(2, random.below(25)),
    ...text(8),
    ...protoBytes(
      random.of([9, 4, 5, 7, 13]),
      Array.from({ length: random.below(20) }, () => random.below(256)),
    ),
  ];
  const graph = Array.from({ length: random.below(4) }, () => protoBytes(5, tensor())).flat();
  const bytes = Uint8Array.from([...protoNumber(1, 8), ...protoBytes(7, graph)]);
  return {
    files: { "/f/m.onnx": random.below(2) === 0 ? mutate(bytes, bytes, random) : bytes },
    path: "/f/m.onnx",
  };
};

const msgpack = (random: Random): Made => {
  const key = () => random.of(["\xa1a", "\xa6kernel", "\xa4step", "\xa0"]);
  const value = (depth: number): string => {
    const kind = random.below(depth > 3 ? 5 : 7);
    if (kind < 2)
      return random.of([
        "\x01",
        "\xc0",
        "\xc3",
        "\xcb\x7f\xf0\0\0\0\0\0\0",
        "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
      ]);
    if (kind < 5)
      return `\xc7\x12\x01\x93\x91${random.of(["\x01", "\x04", "\xcd\xff\xff"])}\xa7float32\xc4\x04abcd`;
    const count = random.below(4);
    return `${String.fromCharCode(0x80 + count)}${Array.from({ length: count }, () => key() + value(depth + 1)).join("")}`;
  };
  const bytes = latin1(`\x82\xa6params\x81${key()}${value(0)}${key()}${value(0)}`);
  return {
    files: { "/f/m.msgpack": random.below(2) === 0 ? mutate(bytes, bytes, random) : bytes },
    path: "/f/m.msgpack",
  };
};

/** By class, with how often each is made. */
export const structured: Readonly<Record<string, (random: Random) => Made>> = {
  "hostile pickles": hostile,
  "damaged hostile pickles": damagedHostile,
  "archives that lie": lyingZip,
  "settings, states, stages, indexes": settings,
  "safetensors headers": header,
  "training logs": logs,
  "distributed metadata": distributed,
  "folders of ranks": brokenRanks,
  "hostile siblings": hostileSibling,
  "settings that name code": settingsOfCode,
  "archives of NeMo": nemoRanks,
  ONNX: onnx,
  MessagePack: msgpack,
};
