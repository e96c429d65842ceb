import { ByteCursor } from "../../bytes/byteCursor";
import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxListedProblems } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { dtypeBits } from "../../tensors/dtype";
import { ggmlBlocks } from "../../tensors/ggmlBlocks";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { formatBytes, formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { Format, ParsedFile } from "../format";
import { GgufCursor, impossible, readValue } from "./ggufValues";

const magic = [0x47, 0x47, 0x55, 0x46];

const maxKeys = 1_000_000;
const maxAxes = 4;
const defaultAlignment = 32;

/** ggml.h `enum ggml_type`; ids that were removed are named so that a file that has them can be told. */
const typeNames = new Map<number, string>([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [8, "Q8_0"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [20, "IQ4_NL"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [29, "IQ1_M"],
  [30, "BF16"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
  [41, "Q1_0"],
  [42, "Q2_0"],
]);

const removedTypes: ReadonlySet<number> = new Set([4, 5, 31, 32, 33, 36, 37, 38]);

/** https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: header, metadata, tensor infos, data. */
export const gguf: Format = {
  id: "gguf",
  extensions: [".gguf"],
  matches: (head) => magic.every((byte, at) => head[at] === byte),
  parse,
};

/** One entry of the directory, before the start of the data is known. */
interface TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  /** From the start of the data. */
  readonly offset: number;
}

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  if (source.size < 8)
    throw new CheckpointError("HeaderCut", "The file ends inside its first eight bytes.", 0);
  const bytes = new ByteCursor(source, signal, 4);
  const version = await bytes.take(4);
  // The version of a file for big-endian machines stands the other way round.
  const littleEndian = version[0] !== 0;
  const number = new DataView(version.buffer, version.byteOffset, 4).getUint32(0, littleEndian);
  if (number < 1 || number > 3) {
    const message = `The file is GGUF of version ${number}; versions 1 to 3 are known.`;
    throw new CheckpointError("UnknownVersion", message, 4);
  }
  const cursor = new GgufCursor(bytes, littleEndian, number === 1 ? 4 : 8);
  const tensorCount = await cursor.count();
  const keyCount = await cursor.count();
  if (tensorCount > maxCollectedTensors) throw impossible(8, `${formatCount(tensorCount)} tensors`);
  if (keyCount > maxKeys) throw impossible(8, `${formatCount(keyCount)} keys`);
  const problems = new ProblemList(maxListedProblems);
  const { metadata, alignment } = await readMetadata(cursor, keyCount, problems);
  metadata.set("gguf.version", littleEndian ? String(number) : `${number} (big-endian)`);
  const infos = await readInfos(cursor, tensorCount, problems);
  const dataStart = Math.ceil(bytes.at / alignment) * alignment;
  const tensors = infos.flatMap((info, index) => {
    const tensor = tensorOf(info, dataStart, infos[index + 1], source.size, littleEndian, problems);
    return tensor === undefined ? [] : [tensor];
  });
  const split = metadata.get("split.count");
  if (split !== undefined && Number(split) > 1) problems.add(partOf(metadata, Number(split)));
  return { tensors, metadata, aliases: new Map(), problems: problems.toArray() };
}

async function readMetadata(cursor: GgufCursor, count: number, problems: ProblemList) {
  const metadata = new Map<string, string>();
  let alignment = defaultAlignment;
  for (let index = 0; index < count; index++) {
    const { at } = cursor.bytes;
    const key = await cursor.text();
    const { text, number } = await readValue(cursor, await cursor.u32());
    if (metadata.has(key))
      problems.add({
        severity: "warning",
        code: "DuplicateKey",
        message: `The key ${quote(key)} occurs twice.`,
        offset: at,
      });
    else metadata.set(key, text);
    if (key !== "general.alignment") continue;
    if (number === undefined || number < 1 || number > 2 ** 20 || !Number.isInteger(Math.log2(number)))
      problems.add({
        severity: "error",
        code: "InvalidAlignment",
        message: `The alignment ${text} is no power of two.`,
        offset: at,
      });
    else alignment = number;
  }
  return { metadata, alignment };
}

async function readInfos(cursor: GgufCursor, count: number, problems: ProblemList): Promise<TensorInfo[]> {
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const { at } = cursor.bytes;
    const name = await cursor.text();
    const axes = await cursor.u32();
    if (axes > maxAxes)
      throw impossible(at, `${axes} axes of the tensor ${quote(name)}; ggml has ${maxAxes}`);
    const sizes: number[] = [];
    // Version 1 counts sizes with 32 bits too.
    for (let axis = 0; axis < axes; axis++) sizes.push(await cursor.count());
    const type = await cursor.u32();
    const offset = await cursor.u64();
    if (names.has(name))
      problems.add({
        severity: "error",
        code: "DuplicateName",
        message: `Two tensors are called ${quote(name)}; ggml refuses the file.`,
        tensor: name,
        offset: at,
      });
    else infos.push({ name, shape: sizes.reverse(), type, offset });
    names.add(name);
  }
  return infos;
}

function tensorOf(
  { name, shape, type, offset }: TensorInfo,
  dataStart: number,
  next: TensorInfo | undefined,
  fileSize: number,
  littleEndian: boolean,
  problems: ProblemList,
): Tensor | undefined {
  const add = (severity: Problem["severity"], code: string, message: string) =>
    problems.add({ severity, code, message, tensor: name, offset: dataStart + offset });
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(dataStart + offset)) {
    add(
      "error",
      "InvalidShape",
      `${quote(name)} claims the shape [${shape.join(", ")}] at byte ${offset} of the data.`,
    );
    return undefined;
  }
  const dtype = typeNames.get(type) ?? `GGML_${type}`;
  const block = ggmlBlocks.get(dtype);
  const bits = dtypeBits.get(dtype);
  if (block === undefined && bits === undefined) {
    const why = removedTypes.has(type) ? "was removed from llama.cpp" : "is not known here";
    add(
      "warning",
      "UnknownType",
      `${quote(name)} is of type ${type}, which ${why}: its values cannot be told.`,
    );
  }
  const last = shape.at(-1) ?? 1;
  if (block !== undefined && last % block.values !== 0)
    add(
      "error",
      "BrokenBlock",
      `The rows of ${quote(name)} have ${formatCount(last)} values, no multiple of the ${block.values} of ${dtype}.`,
    );
  const known =
    block === undefined ? (count * (bits ?? 0)) / 8 : Math.floor(count / block.values) * block.bytes;
  // What has no known size ends where the next tensor begins.
  const isSized = block !== undefined || bits !== undefined;
  const byteSize = isSized ? known : Math.max(0, (next?.offset ?? fileSize - dataStart) - offset);
  const start = dataStart + offset;
  const base = { name, dtype, shape, byteSize, offset: start, fileIndex: 0 };
  if (start + byteSize > fileSize) {
    const missing = formatBytes(Math.min(byteSize, start + byteSize - fileSize));
    add(
      "error",
      "TensorBeyondEnd",
      `The file is cut: ${missing} of ${quote(name)} are missing. Fetch it again.`,
    );
    return { ...base, layout: layoutOf(base, undefined, littleEndian, "the file is cut before its end") };
  }
  // The runtime turns the scales inside of blocks, the converters' writer leaves them: the file does not say which.
  if (!littleEndian && block !== undefined)
    add(
      "warning",
      "BlockOrderUnknown",
      `${quote(name)} stands in a big-endian file, which does not say the byte order of the scales inside of its blocks: its values are told as if it were little-endian, and may be wrong.`,
    );
  if (littleEndian || block !== undefined || bits === 8) return base;
  return { ...base, layout: layoutOf(base, new FileRegion(start, byteSize), littleEndian) };
}

function layoutOf(
  { name, dtype, shape, byteSize }: Tensor,
  region: FileRegion | undefined,
  littleEndian: boolean,
  absent?: string,
) {
  return {
    storage: {
      key: name,
      byteSize,
      bigEndian: !littleEndian,
      region,
      ...(absent === undefined ? {} : { absent }),
    },
    storageOffset: 0,
    strides: contiguousStrides(shape),
    elementBytes: (dtypeBits.get(dtype) ?? 8) / 8,
    elementShape: shape,
  };
}

function partOf(metadata: ReadonlyMap<string, string>, count: number): Problem {
  const part = Number(metadata.get("split.no") ?? 0) + 1;
  const message = `This is part ${part} of ${count} of a split model: it holds only its own tensors.`;
  return { severity: "info", code: "SplitPart", message };
}
