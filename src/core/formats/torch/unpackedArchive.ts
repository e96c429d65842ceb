import { FileRegion } from "../../bytes/byteRegion";
import type { FileEntry, Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { maxSmallMemberBytes } from "../../problem/limits";
import type { Tensor } from "../../tensors/tensor";
import { metaReason } from "../../tensors/tensorLayout";
import type { CheckpointFile } from "../checkpointFile";
import type { ContentValue } from "../contentValue";
import type { ParsedFile } from "../format";
import { judgeImports } from "../pickle/importReport";
import { PickleBudget } from "../pickle/pickleBudget";
import { unpickleFrom } from "../pickle/unpickle";
import { parsedFile } from "./torchParsed";
import { storageReference } from "./torchStorage";
import type { TorchStream } from "./torchStream";

export const unpackedPickleName = "data.pkl";

/** What torch writes beside data.pkl: without any of it, data.pkl is any pickle of that name. */
const besides: ReadonlySet<string> = new Set(["version", "byteorder", ".format_version", ".data"]);

/** Whether a folder is a torch file that somebody unpacked: its members lie in it as files. */
export function isUnpackedArchive(entries: readonly FileEntry[]): boolean {
  if (!entries.some(({ name, kind }) => name === unpackedPickleName && kind === "file")) return false;
  return entries.some(({ name, kind }) => besides.has(name) || (name === "data" && kind === "directory"));
}

/** The files of an unpacked archive as one checkpoint: the pickle, and one file for each storage. */
export async function openUnpackedArchive(
  files: Files,
  folder: string,
  signal?: AbortSignal,
): Promise<ParsedFile & { readonly files: readonly CheckpointFile[] }> {
  const path = joinPath(folder, unpackedPickleName);
  const storages = await listStorages(files, joinPath(folder, "data"));
  const isBigEndian = (await textOf(files, joinPath(folder, "byteorder"), signal)) === "big";
  const source = await files.open(path);
  try {
    const budget = new PickleBudget(source.size);
    const { value, imports, found, failure, problems } = await unpickleFrom(source, { signal, budget });
    if (value === undefined && failure !== undefined && imports.length === 0) throw failure;
    const byKey = new Map(storages.map((file, at) => [file.name, { file, fileIndex: at + 1 }]));
    const findStorage = storageFinder(byKey, isBigEndian);
    const stream: TorchStream = {
      root: value ?? null,
      stream: new FileRegion(0, source.size),
      found,
      findStorage,
      imports: judgeImports(imports),
      problems: [...(failure === undefined ? [] : [failure.toProblem()]), ...problems],
    };
    const parsed = await parsedFile(source, stream, { format: "torch-zip" }, signal);
    const placed = new Map(parsed.tensors.map((tensor) => [tensor, inItsFile(tensor, byKey)]));
    const tensors = new Map<ContentValue, Tensor>();
    for (const [object, tensor] of parsed.content?.tensors ?? [])
      tensors.set(object, placed.get(tensor) ?? tensor);
    const pickle = { name: unpackedPickleName, path, bytes: source.size, status: "ok" as const };
    return {
      ...parsed,
      tensors: [...placed.values()],
      ...(parsed.content === undefined ? {} : { content: { ...parsed.content, tensors } }),
      files: [pickle, ...storages.map((file) => ({ ...file, status: "ok" as const }))],
      problems: [
        {
          severity: "info",
          code: "UnpackedArchive",
          message:
            "This folder is a torch file that was unpacked. torch.load reads it after it is packed into a zip archive again, without compression.",
        },
        ...parsed.problems,
      ],
    };
  } finally {
    await source.close();
  }
}

interface StorageFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

type StorageFiles = ReadonlyMap<string, { readonly file: StorageFile; readonly fileIndex: number }>;

/** None where there is no such folder, which each tensor then tells. */
async function listStorages(files: Files, folder: string): Promise<readonly StorageFile[]> {
  const found = await files.stat(folder);
  if (found?.kind !== "directory") return [];
  const entries = (await files.list(folder)).filter(({ kind }) => kind === "file");
  return mapParallel(entries, 16, async ({ name }) => {
    const path = joinPath(folder, name);
    return { name, path, bytes: (await files.stat(path))?.size ?? 0 };
  });
}

async function textOf(files: Files, path: string, signal?: AbortSignal): Promise<string | undefined> {
  if ((await files.stat(path))?.kind !== "file") return undefined;
  return (await readText(files, path, maxSmallMemberBytes, signal)).trim();
}

/** Finds storages in the files of an unpacked archive's `data/`; without any, each is said to be absent. */
export function storageFinder(storages: StorageFiles, bigEndian: boolean): TorchStream["findStorage"] {
  const known = new Map<string, NonNullable<ReturnType<TorchStream["findStorage"]>>["storage"]>();
  return (reference) => {
    const wanted = storageReference(reference);
    if (wanted === undefined) return undefined;
    const { key, dtype, untyped, byteSize, location } = wanted;
    const file = storages.get(key)?.file;
    const absent =
      location === "meta"
        ? metaReason
        : file === undefined
          ? `The folder holds no data/${key}.`
          : file.bytes < byteSize
            ? `data/${key} has ${file.bytes} bytes where ${byteSize} are needed.`
            : undefined;
    const storage = known.get(key) ?? {
      key,
      byteSize: file?.bytes ?? byteSize,
      bigEndian,
      ...(absent === undefined
        ? { region: new FileRegion(0, file?.bytes ?? 0) }
        : { region: undefined, absent }),
    };
    known.set(key, storage);
    return { dtype, untyped, storage };
  };
}

/** An array of NumPy has its bytes in the pickle. */
function inItsFile(tensor: Tensor, storages: StorageFiles): Tensor {
  const key = tensor.layout?.storage.key;
  const fileIndex = key === undefined ? undefined : storages.get(key)?.fileIndex;
  return fileIndex === undefined ? tensor : { ...tensor, fileIndex };
}
