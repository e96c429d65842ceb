import { localHeaderBytes, ZipEntryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { ZipEntry } from "../../bytes/zipDirectory";
import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonNumber,
  jsonObjectIn,
  jsonString,
} from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxCollectedTensors,
  maxListedProblems,
  maxSafetensorsHeaderBytes,
  maxTensorAxes,
} from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import type { Tensor } from "../../tensors/tensor";
import type { TensorStorage } from "../../tensors/tensorLayout";
import { latin1Text } from "../../text/latin1";
import { quote } from "../../text/quote";
import type { ContentValue } from "../contentValue";
import type { ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { isFile, Look } from "../inside/look";
import { modelValue } from "../joinedValue";
import { type RebuiltTensor, toTensor, viewOfStorage, withoutBytes } from "../torch/rebuiltTensor";
import { readTinyMember, type TorchArchive } from "../torch/torchArchive";
import { readContent, readNestedFile } from "../torch/torchContent";
import { type TorchDtype, torchDtype } from "../torch/torchDtype";

/** `ScalarType` of torch/_export/serde/schema.py, by what torch calls them. */
const scalarTypes = new Map<number, string>([
  ...[
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex32",
    "complex64",
  ].map((name, at) => [at + 1, name] as const),
  [11, "complex128"],
  [12, "bool"],
  [13, "bfloat16"],
  [28, "uint16"],
  [29, "float8_e4m3fn"],
  [30, "float8_e5m2"],
  [31, "float8_e4m3fnuz"],
  [32, "float8_e5m2fnuz"],
  [33, "float8_e8m0fnu"],
  [34, "uint32"],
  [35, "uint64"],
]);

/** Says of each tensor in which member it lies. */
const listing = /^data\/(weights|constants)\/(.*)_(?:weights|constants)_config\.json$/;

/**
 * The folder of an archive that `torch.export.save` wrote (torch 2.8 and later): a program, and each weight as a member
 * of raw bytes. Undefined for other archives.
 */
export function programFolder({ members, directory }: TorchArchive): string | undefined {
  const format = directory.entries.find(({ name }) => /^(?:[^/]+\/)?archive_format$/.test(name));
  const folder = format?.name.slice(0, -"archive_format".length);
  return folder !== undefined && members.has(`${folder}archive_version`) ? folder : undefined;
}

/** The first member is a program's weight, also where the directory behind it is cut off. */
export function beginsWithWeights(head: Uint8Array): boolean {
  const name = latin1Text(head.subarray(localHeaderBytes, localHeaderBytes + longestName));
  return /^[^/]*\/data\/weights\/weight_0/.test(name);
}

const longestName = 300;

/**
 * The tensors of an exported program by the names of the model they were exported from; constants apart, below
 * `constants`. Only the lists are read, and what was pickled.
 */
export async function readExportedProgram(
  source: ByteSource,
  archive: TorchArchive,
  folder: string,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const problems = new ProblemList(maxListedProblems);
  const look = new Look(source.size, signal);
  const reader = new ProgramReader(source, archive, problems, signal);
  const lists = archive.directory.entries.filter(({ name }) => listing.test(name.slice(folder.length)));
  const models = new Set(lists.map(({ name }) => listing.exec(name.slice(folder.length))?.[2]));
  for (const entry of lists) {
    const [, kind = "", model = ""] = listing.exec(entry.name.slice(folder.length)) ?? [];
    const prefix = `${models.size > 1 ? `${model}.` : ""}${kind === "constants" ? "constants." : ""}`;
    await reader.readList(entry, prefix);
  }
  if (reader.tensors.length === 0 && lists.length === 0) {
    const message =
      "It is an archive of torch.export without a list of weights: a compiled program (AOTInductor), or a save that was cut.";
    problems.add({ severity: "error", code: "NoWeightsList", message });
  }
  // Raw bytes of weights are never unpickled; what else is in the archive may be.
  const rest = archive.directory.entries.filter((entry) => isFile(entry) && !reader.raw.has(entry.name));
  await look.intoMembers(archive, rest, { where: undefined, depth: 0 });
  const byteOrder = await readTinyMember({ ...archive, folder }, "byteorder", signal);
  const imports = mergeImports(look.imports);
  const stood = new Map<ContentValue, Tensor>();
  const root = modelValue(reader.tensors, stood);
  return {
    format: "torch-export",
    tensors: reader.tensors,
    metadata: new Map(byteOrder === undefined ? [] : [["byteorder", byteOrder]]),
    aliases: new Map(),
    content: { root, tensors: stood, parameters: reader.parameters },
    imports,
    problems: [...importProblems(imports), ...look.foundProblems, ...problems.toArray()],
  };
}

class ProgramReader {
  readonly tensors: Tensor[] = [];
  readonly parameters = new Set<string>();
  /** Members that hold the plain bytes of tensors. */
  readonly raw = new Set<string>();
  private readonly storages = new Map<string, TensorStorage>();
  private readonly names = new Set<string>();
  private readonly places = new Set<string>();

  constructor(
    private readonly source: ByteSource,
    private readonly archive: TorchArchive,
    private readonly problems: ProblemList,
    private readonly signal?: AbortSignal,
  ) {}

  async readList(entry: ZipEntry, prefix: string): Promise<void> {
    const list = await this.jsonOf(entry);
    const config = list?.get("config");
    if (!isJsonObject(config)) {
      const message = `${quote(entry.name)} cannot be read: which tensors the program has is not known.`;
      this.problems.add({
        severity: "error",
        code: "BadWeightsList",
        message,
        offset: entry.localHeaderOffset,
      });
      return;
    }
    const folder = entry.name.slice(0, entry.name.lastIndexOf("/") + 1);
    for (const [name, value] of config) {
      this.signal?.throwIfAborted();
      if (this.tensors.length >= maxCollectedTensors) return;
      if (!isJsonObject(value)) continue;
      const path = jsonString(value.get("path_name"));
      // Objects of the program's own have no tensor.
      const meta = value.get("tensor_meta");
      if (path === undefined || !isJsonObject(meta)) continue;
      const full = `${prefix}${name}`;
      const isPickled = value.get("use_pickle") === true;
      if (!isPickled) this.raw.add(folder + path);
      const tensor = isPickled ? await this.pickled(folder + path) : this.plain(folder + path, meta);
      if (tensor === undefined || this.names.has(full)) {
        const message = `Tensor ${quote(full)} is described in a way that is not read here.`;
        this.problems.add({ severity: "warning", code: "UnreadableTensor", message, tensor: full });
        continue;
      }
      this.names.add(full);
      this.tensors.push(toTensor(tensor, full));
      // A tied weight is two names of one member.
      const place = `${folder}${path} ${tensor.layout.storageOffset} ${tensor.shape.join(" ")}`;
      if (value.get("is_param") === true && !this.places.has(place)) this.parameters.add(full);
      this.places.add(place);
      const { absent } = tensor.layout.storage;
      if (absent !== undefined) {
        const message = `Tensor ${quote(full)} cannot be read: ${absent}`;
        this.problems.add({ severity: "error", code: "TensorWithoutBytes", message, tensor: full });
      }
    }
  }

  private plain(member: string, meta: JsonObject): RebuiltTensor | undefined {
    const name = scalarTypes.get(jsonNumber(meta.get("dtype")) ?? 0);
    const dtype = name === undefined ? undefined : torchDtype(name);
    const shape = sizesOf(meta.get("sizes"));
    const strides = sizesOf(meta.get("strides"));
    const offset = sizeOf(meta.get("storage_offset"));
    if (dtype === undefined || shape === undefined || strides === undefined || offset === undefined)
      return undefined;
    if (jsonNumber(meta.get("layout")) !== stridedLayout)
      return withoutBytes(dtype, shape, "Its layout is not a plain one, which is not read here.");
    const requiresGrad = meta.get("requires_grad") === true ? { requiresGrad: true } : undefined;
    return viewOfStorage(dtype, { shape, strides, offset }, this.storageOf(member, dtype), requiresGrad);
  }

  private storageOf(member: string, { elementBytes }: TorchDtype): TensorStorage {
    const known = this.storages.get(member);
    if (known !== undefined) return known;
    const entry = this.archive.members.get(member);
    const byteSize = entry?.size ?? elementBytes;
    const storage: TensorStorage =
      entry === undefined
        ? {
            key: member,
            byteSize,
            bigEndian: false,
            region: undefined,
            absent: `The archive holds no ${member}.`,
          }
        : { key: member, byteSize, bigEndian: false, region: this.archive.region(entry) };
    this.storages.set(member, storage);
    return storage;
  }

  /** A tensor of a class of its own, which was saved as torch.save does. */
  private async pickled(member: string): Promise<RebuiltTensor | undefined> {
    const entry = this.archive.members.get(member);
    if (entry === undefined) return undefined;
    try {
      const look = new Look(this.source.size, this.signal);
      const stream = await readNestedFile(this.source, this.archive.region(entry), look, 1, this.signal);
      const { tensors } = await readContent(this.source, stream, look, this.signal);
      const [tensor] = tensors;
      return tensors.length === 1 && tensor?.layout !== undefined
        ? { ...tensor, layout: tensor.layout }
        : undefined;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      return undefined;
    }
  }

  private async jsonOf(entry: ZipEntry): Promise<JsonObject | undefined> {
    if (entry.size > maxSafetensorsHeaderBytes) return undefined;
    try {
      const member = await new ZipEntryRegion(entry).open(this.archive.source, this.signal);
      return jsonObjectIn(new TextDecoder().decode(await member.read(0, member.size, this.signal)));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      return undefined;
    }
  }
}

/** `Layout.Strided` of the same schema. */
const stridedLayout = 7;

/** Sizes are numbers or expressions of symbols; weights have numbers. */
function sizeOf(value: JsonValue | undefined): number | undefined {
  const size = isJsonObject(value) ? jsonNumber(value.get("as_int")) : undefined;
  return size !== undefined && Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

function sizesOf(value: JsonValue | undefined): readonly number[] | undefined {
  if (!isJsonArray(value) || value.length > maxTensorAxes) return undefined;
  const sizes = value.map(sizeOf);
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}
