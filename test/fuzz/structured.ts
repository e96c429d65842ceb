import { dcpMetadata } from "../support/made/dcpMetadata";
import { protoBytes, protoNumber } from "../support/made/proto";
import { type ZipMember, zipFile } from "../support/made/zipFile";
import { hostileSibling, nemoRanks, settingsOfCode } from "./besideWeights";
import { latin1, safetensors } from "./costlyFiles";
import { brokenRanks } from "./distributedFolders";
import { hidingPlaces } from "./hidingPlaces";
import { hostilePickles, wholePickle } from "./hostilePickles";
import { mutate, type Random } from "./mutate";
import { logs } from "./structuredLogs";
import { anyJson, numbers, smallAdapter, withData } from "./structuredParts";

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
      "/f/checkpoint-5/adapter_model.safetensors": smallAdapter,
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
