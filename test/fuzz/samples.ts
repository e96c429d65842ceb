import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ggufFile } from "../support/made/ggufFile";
import { ocdbtFolder } from "../support/made/ocdbtFolder";
import { protoBytes, protoNumber } from "../support/made/proto";
import { tarFile } from "../support/made/tarFile";
import { bundleTypes, tensorflowBundle } from "../support/made/tensorflowBundle";
import { zipFile } from "../support/made/zipFile";
import { projectRoot } from "../support/projectRoot";

/** A checkpoint of which one file is damaged. */
export interface Sample {
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** What is opened: a file or the folder. */
  readonly path: string;
}

/** Long arrays are only more of the same bytes. */
const maxBytes = 200_000;

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const f32 = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

/** The project's own files of every format, and folders that are one checkpoint, by the class in which they are damaged. */
export function fuzzSamples(): Readonly<Record<string, readonly Sample[]>> {
  const { gguf, keras, msgpack, onnx, orbax, shardedKeras, tar, tensorflow } = madeHere();
  const named = (name: string) => single(name, fixture(`foreign/${name}`));
  const model = folderOf("foreign", /^model\.onnx/);
  const quantised = (name: string) => single(name, fixture(`formatTable/${name}`));
  return {
    "damaged fixtures": [
      ...["torch", "packed", "joblib"].flatMap(filesIn),
      ...["titan", "zstd", "old", "pieces", "ranks", "sharded", "verl/actor"].map((name) =>
        folderOf(`dcp/${name}`),
      ),
      ...["zero1_bf16", "zero3", "universal"].map((name) => folderOf(`deepspeed/${name}`)),
    ],
    "damaged GGUF": [...["gguf", "ggufTwins"].flatMap(filesIn), gguf],
    "damaged HDF5": [
      ...filesIn("hdf5"),
      named("classifier.weights.h5"),
      shardedKeras,
      single("nbit.h5", fixture("formatTable/nbit.h5")),
    ],
    "damaged NumPy": filesIn("numpy"),
    "damaged ONNX": [{ ...model, path: "/f/model.onnx" }, onnx, quantised("codes.onnx")],
    "damaged Orbax": [folderOf("foreign/orbax"), orbax],
    "damaged TensorFlow": [folderOf("foreign/gan"), tensorflow],
    "damaged MessagePack": [named("state.msgpack"), msgpack],
    "damaged tar": [tar],
    "damaged Keras zips": [named("classifier.keras"), keras, quantised("codes.keras")],
  };
}

/** The files of a folder, or some of them. */
export function folderOf(name: string, wanted = /./): Sample {
  const path = join(projectRoot, "test/fixtures", name);
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && wanted.test(entry.name),
  );
  const files = entries.map((entry) => {
    const file = join(entry.parentPath, entry.name);
    return [`/f${file.slice(path.length).replaceAll("\\", "/")}`, new Uint8Array(readFileSync(file))];
  });
  return { name, files: Object.fromEntries(files), path: "/f" };
}

function filesIn(folder: string): readonly Sample[] {
  const path = join(projectRoot, "test/fixtures", folder);
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".json"))
    .map(({ name }) => single(name, new Uint8Array(readFileSync(join(path, name)))))
    .filter(({ files }) => Object.values(files).every(({ length }) => length < maxBytes));
}

function single(name: string, bytes: Uint8Array): Sample {
  return { name, files: { [`/f/${name}`]: bytes }, path: `/f/${name}` };
}

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(projectRoot, "test/fixtures", name)));
}

/** A model of ONNX with one initializer of raw bytes and one of packed floats. */
function onnxModel(): Uint8Array {
  const named = (name: string, values: readonly number[]) => [
    ...protoNumber(1, 2),
    ...protoNumber(2, 1),
    ...protoBytes(8, [...Buffer.from(name)]),
    ...values,
  ];
  const raw = named("raw", protoBytes(9, [...f32(1, 2)]));
  const packed = named("packed", protoBytes(4, [...f32(3, 4)]));
  const graph = [...protoBytes(5, raw), ...protoBytes(5, packed)];
  const head = [...protoNumber(1, 8), ...protoBytes(2, [...Buffer.from("pytorch")])];
  return Uint8Array.from([...head, ...protoBytes(7, graph), ...protoBytes(8, protoNumber(2, 17))]);
}

/** `{"params": {"w": <an array of two floats>}}` in MessagePack. */
function flaxState(): Uint8Array {
  const word = (value: string) => [0xa0 + value.length, ...Buffer.from(value)];
  const array = [0x93, 0x91, 2, ...word("float32"), 0xc4, 8, ...f32(1, 2)];
  return Uint8Array.from([0x81, ...word("params"), 0x81, ...word("w"), 0xc7, array.length, 1, ...array]);
}

/** Of layouts that no fixture has. */
function madeHere() {
  const weights = fixture("hdf5/userBlock.h5");
  const keras = zipFile([
    { name: "metadata.json", data: text({ keras_version: "3" }) },
    { name: "model.weights.h5", data: weights },
  ]);
  const tensor = { key: "w", type: bundleTypes.F32, shape: [2, 2], bytes: f32(1, 2, 3, 4) };
  const partitioned = {
    key: "p",
    type: bundleTypes.F32,
    shape: [2],
    slices: [[[0, 1] as const], [[1, 1] as const]],
  };
  const bundle = tensorflowBundle("/f/ckpt-1", [tensor, { ...tensor, key: "w/v" }, partitioned], {
    shards: 2,
  });
  const zarray = text({
    zarr_format: 2,
    shape: [3],
    chunks: [2],
    dtype: "<f4",
    compressor: null,
    fill_value: 1,
    order: "C",
  });
  const orbax = {
    ...ocdbtFolder("/f", [
      { key: "a/.zarray", value: zarray, inline: true },
      { key: "a/0", value: f32(1, 2) },
      { key: "a/1", value: f32(3, 0) },
    ]),
    "/f/_METADATA": text({ tree_metadata: { a: { key_metadata: [{ key: "a" }], value_metadata: {} } } }),
  };
  const part = (number: number) =>
    ggufFile({
      keys: { "split.no": number, "split.count": 2 },
      tensors: [{ name: `t${number}`, values: [1, 2] }],
    });
  const archive = tarFile([
    { name: "./model_config.yaml", content: text("x: 1") },
    {
      name: "model_weights.ckpt",
      content: zipFile([{ name: "a/data.pkl", data: Uint8Array.of(0x80, 2, 0x7d, 0x2e) }]),
    },
  ]);
  const shard = (name: string, at: number) => [`/f/m_0000${at}.weights.h5`, fixture(`hdf5/${name}`)] as const;
  const shardedKeras = {
    ...Object.fromEntries([shard("plugins.h5", 0), shard("userBlock.h5", 1)]),
    "/f/m.weights.json": text({ weight_map: { "/": ["m_00000.weights.h5", "m_00001.weights.h5"] } }),
  };
  return {
    keras: single("m.keras", keras),
    onnx: single("m.onnx", onnxModel()),
    msgpack: single("m.msgpack", flaxState()),
    shardedKeras: { name: "sharded Keras", files: shardedKeras, path: "/f/m.weights.json" },
    tar: single("m.nemo", archive),
    tensorflow: { name: "TensorFlow", files: bundle, path: "/f" },
    orbax: { name: "Orbax", files: orbax, path: "/f" },
    gguf: {
      name: "split GGUF",
      files: { "/f/m-00001-of-00002.gguf": part(0), "/f/m-00002-of-00002.gguf": part(1) },
      path: "/f/m-00001-of-00002.gguf",
    },
  };
}
