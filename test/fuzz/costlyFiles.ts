import { deflateRawSync } from "node:zlib";
import { little, text } from "../core/formats/pickle/latin1";
import { call, dict, floatBytes, floats, int } from "../core/formats/torch/torchPickle";
import { type ZipMember, zipFile } from "../support/made/zipFile";

/** A file of less than a megabyte that asks its reader for far more: by depth, by sharing, by lies, by deflate. */
export interface CostlyFile {
  readonly name: string;
  /** Made when it is wanted: the pickle that a deflated one unpacks to is long. */
  readonly make: () => Uint8Array;
}

/** The same of a folder's files, by their paths in it. */
export interface CostlyFolder {
  readonly name: string;
  readonly make: () => Readonly<Record<string, Uint8Array>>;
}

/** Below what an archive's member is kept inflated; all that repeats deflates to a thousandth of it. */
const unpackedBytes = 16_000_000;

/** Long ones, a character at a time, would take seconds. */
export const latin1 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "latin1"));

const whole = (piece: string, bytes = unpackedBytes) => piece.repeat(Math.floor(bytes / piece.length));

function archive(pickle: string, more: readonly ZipMember[] = []): Uint8Array {
  return zipFile([
    { name: "m/data.pkl", data: latin1(pickle), deflated: true },
    { name: "m/data/0", data: floatBytes(1) },
    ...more,
    { name: "m/version", data: latin1("3\n") },
  ]);
}

const torch = (name: string, make: () => string): CostlyFile => ({
  name: `${name}.pt`,
  make: () => archive(`\x80\x04${make()}.`),
});

/** A list of many of one piece. */
const many = (piece: string, bytes?: number) => `](${whole(piece, bytes)}e`;
const memo = (index: number) => `j${little(index, 4)}`;
const put = (index: number) => `r${little(index, 4)}`;
/** Each level holds the one before twice, by `join` of two gets. */
const doubled = (bottom: string, levels: number, join: (get: string) => string) =>
  `${bottom}${put(0)}${Array.from({ length: levels }, (_, at) => `0${join(memo(at))}${put(at + 1)}`).join("")}`;
const longText = (length: number) => `X${little(length, 4)}${"n".repeat(length)}`;

const pickles: readonly CostlyFile[] = [
  torch("tuples in tuples", () => `)${whole("\x85")}`),
  torch("lists in lists", () => whole("]", unpackedBytes / 2) + whole("a", unpackedBytes / 2 - 1)),
  torch("dicts in dicts", () => `${whole("}N", unpackedBytes / 2)}N${whole("s", unpackedBytes / 4)}`),
  torch("objects in objects", () => `cm\nC\nq\0${whole("h\0)\x81", 12_000_000)}${whole("b", 3_000_000)}`),
  torch("arguments in arguments", () => `cm\nC\nq\0${whole("h\0", 2_000_000)}N${whole("\x85R", 2_000_000)}`),
  torch("empty dicts", () => many("}")),
  torch("lists of one", () => many("]Na")),
  torch("dicts of one", () => many("}NNs")),
  torch("sets", () => many("\x8f")),
  torch("empty bytes", () => many("C\0")),
  torch("bytearrays", () => many(`\x96${"\0".repeat(8)}`)),
  torch("floats", () => many(`G${"\x3f".repeat(8)}`)),
  torch("floats of protocol 0", () => many("F1\n")),
  torch("long integers", () => many(`\x8a\xff${"\x7f".repeat(255)}`)),
  torch("strings", () => many("\x8c\x01a")),
  torch("nothing, a hundred million times", () => `${whole("N0")}N`),
  torch("marks", () => whole("(")),
  torch("persistent ids", () => many("NQ")),
  torch("persistent ids of storages", () => {
    const id = `(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}K\x01tq\0`;
    return `${id}0${many("h\0Q")}`;
  }),
  torch("objects that are made", () => `cm\nC\nq\0${many("h\0)\x81")}`),
  torch("objects with items", () => `cm\nC\nq\0${many("h\0)\x81Na")}`),
  torch("objects with a mapping", () => `cm\nC\nq\0${many("h\0)\x81NNs")}`),
  torch("imports", () =>
    many(Array.from({ length: 100_000 }, (_, at) => `cm${at}\nC\n`).join("0"), 2_000_000),
  ),
  torch("imports of long names", () =>
    Array.from({ length: 50 }, (_, at) => `c${at}${"m".repeat(1_000_000)}\nC\n0`).join(""),
  ),
  torch(
    "imports behind a break",
    () => `\xff${Array.from({ length: 60 }, (_, at) => `c${at}${"m".repeat(1_000_000)}\nC\n0`).join("")}N`,
  ),
  torch("a memo beyond its end", () => `N${whole("r\xff\xff\xff\x7f", 1_000_000)}`),
  torch("doubled tuples", () => doubled(")", 2000, (get) => `${get}${get}\x86`)),
  torch("doubled lists", () => doubled("]", 2000, (get) => `](${get}${get}e`)),
  torch("doubled dicts", () => doubled("}", 2000, (get) => `}(${text("a")}${get}${text("b")}${get}u`)),
  torch("doubled tensors", () => doubled(floats("0", 1), 40, (get) => `](${get}${get}e`)),
  torch("one tensor many times", () => `${floats("0", 1)}q\x010${many("h\x01")}`),
  torch("doubled tensors by long names", () => {
    const name = `${longText(50_000)}${put(999)}0`;
    return name + doubled(floats("0", 1), 20, (get) => `}(${memo(999)}${get}K\x01${get}u`);
  }),
  torch("a long name in each of many levels", () => {
    const name = `${longText(1_000_000)}${put(999)}0`;
    return name + whole(`}${memo(999)}`, 6 * 3000) + floats("0", 1) + whole("s", 3000);
  }),
  torch("a long name for each of many tensors", () => {
    const name = `${longText(900_000)}${put(999)}0${floats("0", 1)}${put(998)}0`;
    return `${name}}${memo(999)}}(${Array.from({ length: 50_000 }, (_, at) => `${int(at)}${memo(998)}`).join("")}us`;
  }),
  torch("many tensors", () => {
    const made = floats("0", 1);
    const args = made.slice(made.indexOf("\n", made.indexOf("\n") + 1) + 1, -1);
    return `ctorch._utils\n_rebuild_tensor_v2\n${put(0)}0${args}${put(1)}0${many(`${memo(0)}${memo(1)}R`)}`;
  }),
  torch("many arrays", () => {
    const empty = `${call("numpy.core.multiarray._reconstruct", "cnumpy\nndarray\n", "(K\0t", "C\x01b")}`;
    const state = `(K\x01K\x01\x85${call("numpy.dtype", text("u1"), "\x89\x88")}\x89C\x01at`;
    return many(`${empty}${state}b`);
  }),
  torch("a long text many times", () => `${longText(1_000_000)}${put(0)}0${many(memo(0), 5_000_000)}`),
  torch("settings of long texts", () => {
    const long = `${longText(1_000_000)}${put(0)}0`;
    return `${long}${dict({ args: `}(${Array.from({ length: 100_000 }, (_, at) => int(at) + memo(0)).join("")}u` })}`;
  }),
  torch("long texts", () => many(longText(1_000_000))),
  torch("long lines", () => many(`V${"n".repeat(10_000_000)}\n`)),
  torch("pickles in bytes", () => many("C\x04\x80\x02N.")),
  torch("rows of pickles in bytes", () => many(`B${little(60_000, 4)}${"\x80\x02N.".repeat(15_000)}`)),
  torch("imports in rows of pickles in bytes", () =>
    many(`B${little(60_000, 4)}${"\x80\x02cm\nC\n.".repeat(6666)}\x80\x02`),
  ),
  torch("deep pickles in bytes", () => many(`B${little(60_000, 4)}\x80\x02)${"\x85".repeat(59_997)}`)),
  torch("torch files in bytes", () =>
    many(`ctorch.storage\n_load_from_bytes\nC\x0e\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\x85R`, 3_000_000),
  ),
  torch("an optimizer of many states", () =>
    dict({
      state: `}(${Array.from({ length: 250_000 }, (_, at) => `${int(at)}}`).join("")}u`,
      param_groups: `](${dict({ params: `](${Array.from({ length: 250_000 }, (_, at) => int(at)).join("")}e` })}e`,
    }),
  ),
  torch("an optimizer of shared groups", () => {
    const params = `](${Array.from({ length: 20_000 }, (_, at) => int(at)).join("")}e`;
    const group = `${dict({ params, lr: `G${"\x3f".repeat(8)}` })}${put(7)}0`;
    return `${group}${dict({ state: "}", param_groups: many(memo(7), 500_000) })}`;
  }),
  { name: "many small pickles.pkl", make: () => latin1("\x80\x02N.".repeat(250_000)) },
  {
    name: "many imports.pkl",
    make: () => latin1(`\x80\x02${Array.from({ length: 80_000 }, (_, at) => `c${at}\nC\n0`).join("")}N.`),
  },
  { name: "a million empty lists.pkl", make: () => latin1(`\x80\x02](${"]".repeat(990_000)}e.`) },
  { name: "a million dicts.pkl", make: () => latin1(`\x80\x02](${"}NNs".repeat(240_000)}e.`) },
  { name: "frames.pkl", make: () => latin1(`\x80\x04${`\x95${"\xff".repeat(7)}\0`.repeat(110_000)}N.`) },
  { name: "zeros behind it.pkl", make: () => latin1(`\x80\x02N.${"(".repeat(900_000)}`) },
];

const archives: readonly CostlyFile[] = [
  {
    name: "members of nothing.pt",
    make: () =>
      archive(
        "\x80\x02N.",
        Array.from({ length: 9000 }, (_, at) => ({ name: `m/data/${at}`, data: new Uint8Array() })),
      ),
  },
  {
    name: "pickles beside it.pt",
    make: () => {
      const data = latin1(`\x80\x02)${whole("\x85", 16_000_000)}.`);
      const member: ZipMember = {
        name: "m/x",
        data: deflateRawSync(data),
        method: 8,
        claimedSize: data.length,
      };
      return archive(
        "\x80\x02N.",
        Array.from({ length: 12 }, (_, at) => ({ ...member, name: `m/${at}.pkl` })),
      );
    },
  },
  {
    name: "a lie about its size.pt",
    make: () =>
      zipFile([
        {
          name: "m/data.pkl",
          data: latin1("\x80\x02N."),
          deflated: true,
          claimedSize: 4_000_000_000,
          zip64: true,
        },
        { name: "m/big", data: new Uint8Array(100_000), method: 8, claimedSize: 103_000_000 },
      ]),
  },
  {
    name: "arrays in an archive.npz",
    make: () =>
      zipFile(
        Array.from({ length: 5000 }, (_, at) => ({
          name: `${at}.npy`,
          data: npy("<f4", "(1,)"),
          deflated: true,
        })),
      ),
  },
  { name: "an array of many axes.npy", make: () => npy("<f4", `(${"1,".repeat(30_000)})`) },
  { name: "an array of too much.npy", make: () => npy("<f4", "(9999999999999, 9999999999)") },
  { name: "a header of parentheses.npy", make: () => npy("<f4", "(".repeat(60_000)) },
];

/** Format 1.0 of numpy/lib/format.py. */
function npy(dtype: string, shape: string): Uint8Array {
  const header = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${shape}, }\n`;
  return latin1(`\x93NUMPY\x01\0${little(header.length, 2)}${header}\0\0\0\0`);
}

export function safetensors(header: string): Uint8Array {
  const bytes = latin1(header);
  return concat(latin1(little(bytes.length, 8)), bytes);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export const entry = (name: string) => `"${name}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;

const headers: readonly CostlyFile[] = [
  {
    name: "a header of brackets.safetensors",
    make: () => safetensors(`{"__metadata__":${"[".repeat(900_000)}`),
  },
  { name: "a header of braces.safetensors", make: () => safetensors('{"a":'.repeat(180_000)) },
  {
    name: "many tensors.safetensors",
    make: () => safetensors(`{${Array.from({ length: 15_000 }, (_, at) => entry(`t${at}`)).join(",")}}`),
  },
  { name: "a long name.safetensors", make: () => safetensors(`{${entry("n".repeat(900_000))}}`) },
  { name: "dots in a name.safetensors", make: () => safetensors(`{${entry("a.".repeat(450_000))}}`) },
  {
    name: "dots in many names.safetensors",
    make: () =>
      safetensors(
        `{${Array.from({ length: 100 }, (_, at) => entry(`${at}.${"a.".repeat(4000)}`)).join(",")}}`,
      ),
  },
  {
    name: "many axes.safetensors",
    make: () => safetensors(`{"a":{"dtype":"F32","shape":[${"1,".repeat(400_000)}1],"data_offsets":[0,4]}}`),
  },
  {
    name: "metadata.safetensors",
    make: () =>
      safetensors(
        `{"__metadata__":{${Array.from({ length: 40_000 }, (_, at) => `"k${at}":"v"`).join(",")}}}`,
      ),
  },
  {
    name: "metadata of JSON.safetensors",
    make: () => safetensors(`{"__metadata__":{"config":"${"[".repeat(900_000)}"}}`),
  },
  {
    name: "factors.safetensors",
    make: () =>
      safetensors(
        `{${Array.from({ length: 5000 }, (_, at) => `${entry(`l.${at}.q.lora_A.weight`)},${entry(`l.${at}.q.lora_B.weight`)}`).join(",")}}`,
      ),
  },
  {
    name: "an index of brackets.safetensors.index.json",
    make: () => latin1(`{"weight_map":${"[".repeat(900_000)}`),
  },
  {
    name: "an index of many shards.safetensors.index.json",
    make: () =>
      latin1(
        `{"weight_map":{${Array.from({ length: 19_000 }, (_, at) => `"t${at}":"s${at}.safetensors"`).join(",")}}}`,
      ),
  },
];

const u32 = (value: number) => little(value, 4);
const u64 = (low: number, high = 0) => little(low, 4) + little(high, 4);
const ggufText = (value: string) => u64(value.length) + value;
const ggufHead = (tensors: string, values: string) => `GGUF${u32(3)}${tensors}${values}`;
/** An array of arrays, each claiming one item. */
const ggufArray = (kind: number, count: string) => u32(9) + u32(kind) + count;

const others: readonly CostlyFile[] = [
  {
    name: "values that are not there.gguf",
    make: () => latin1(ggufHead(u64(0), u64(0xffff_ffff, 0x0fff_ffff))),
  },
  { name: "tensors that are not there.gguf", make: () => latin1(ggufHead(u64(999_999), u64(0))) },
  {
    name: "an array of 2^60.gguf",
    make: () => latin1(ggufHead(u64(0), u64(1)) + ggufText("k") + ggufArray(4, u64(0, 0x1000_0000))),
  },
  {
    name: "arrays in arrays.gguf",
    make: () => latin1(ggufHead(u64(0), u64(1)) + ggufText("k") + u32(9) + (u32(9) + u64(1)).repeat(80_000)),
  },
  {
    name: "empty texts.gguf",
    make: () =>
      latin1(ggufHead(u64(0), u64(1)) + ggufText("k") + ggufArray(8, u64(120_000)) + u64(0).repeat(120_000)),
  },
  {
    name: "a text of 2^62.gguf",
    make: () => latin1(ggufHead(u64(0), u64(1)) + u64(0, 0x4000_0000)),
  },
  { name: "many axes.gguf", make: () => latin1(ggufHead(u64(1), u64(0)) + ggufText("t") + u32(0xffff_ffff)) },
  {
    name: "many tensors.gguf",
    make: () =>
      latin1(
        ggufHead(u64(30_000), u64(0)) +
          Array.from({ length: 30_000 }, (_, at) => `${ggufText(`t${at}`)}${u32(0)}${u32(0)}${u64(0)}`).join(
            "",
          ) +
          "\0".repeat(64),
      ),
  },
  { name: "messages in messages.onnx", make: () => nestedOnnx(90_000) },
  { name: "a varint without an end.onnx", make: () => latin1(`\x08\x07\x3a${"\xff".repeat(900_000)}`) },
  {
    name: "many tensors.onnx",
    make: () => latin1(`\x08\x07\x3a${varint(5 * 100_000)}${"\x2a\x03\x42\x01a".repeat(100_000)}`),
  },
  {
    name: "many axes.onnx",
    make: () =>
      latin1(`\x08\x07\x3a${varint(800_006)}\x2a${varint(800_002)}${"\x08\x01".repeat(400_000)}\x10\x01`),
  },
];

export function varint(value: number): string {
  let rest = value;
  let bytes = "";
  for (; rest > 127; rest >>>= 7) bytes += String.fromCharCode((rest & 127) | 128);
  return bytes + String.fromCharCode(rest);
}

/** A graph in a node's attribute in a graph, and so on. */
function nestedOnnx(levels: number): Uint8Array {
  const graph = whole("\x0a\x05\x2a\x03\x32\x01a", levels);
  return latin1(`\x08\x07\x3a${varint(graph.length)}${graph}`);
}

export const costlyFiles: readonly CostlyFile[] = [...pickles, ...archives, ...headers, ...others];
