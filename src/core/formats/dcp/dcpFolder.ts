import type { FileEntry, Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { assemble, type TensorPiece } from "../../tensors/assembly";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { pythonString } from "../../text/pythonString";
import { formatCount, plural } from "../../text/quantities";
import type { CheckpointFile } from "../checkpointFile";
import type { FolderFormat, FolderListing, LoadAdvice, ParsedFolder } from "../folderFormat";
import { type ImportFinding, importProblems, mergeImports } from "../importFinding";
import { judgeImports } from "../pickle/importReport";
import { unpickleFrom } from "../pickle/unpickle";
import { absence, type DcpFiles, itemFile, listDcpFiles, metadataName, rankOf, sizedFiles } from "./dcpFiles";
import { DcpItemRegion } from "./dcpItem";
import { type DcpItem, type DcpMetadata, type DcpTensor, itemKey, parseDcpMetadata } from "./dcpMetadata";
import { reportEntries, reportFiles } from "./dcpProblems";
import { type ReadEntries, readDcpValues } from "./dcpValues";
import { buildStateTree, type StateEntry } from "./stateTree";
import { importsOfUnlisted } from "./unlistedItems";

/** What a save writes before it renames it to `.metadata`. */
const unfinishedName = ".metadata.tmp";

/** The directory of a model of a thousand shards has some megabytes; one of 30,000 chunks has five. */
const maxMetadataBytes = 256_000_000;

/** Chunks in all: what is listed beyond this is not looked at. */
const maxChunks = 2_000_000;

/** torch.distributed.checkpoint: `.metadata` and the files of the processes, which hold one item after the other. */
export const dcpFolder: FolderFormat = {
  id: "dcp",
  matches: isDcp,
  open: openDcp,
};

function isDcp(entries: readonly FileEntry[]): boolean {
  return entries.some(({ name, kind }) => kind === "file" && (name === metadataName || itemFile.test(name)));
}

/** What a folder of torch.distributed.checkpoint holds: entries of a state dict, and the files they lie in. */
export interface DcpFolder {
  readonly entries: readonly StateEntry[];
  readonly files: readonly CheckpointFile[];
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  /** Undefined where the names of the files do not tell it. */
  readonly worldSize: number | undefined;
  /** The entries with the values that are no tensors, which takes a read of each. */
  readonly readEntries: (signal?: AbortSignal) => Promise<ReadEntries>;
}

/** @throws CheckpointError where `.metadata` cannot be read. */
export async function openDcp(folder: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  const { entries, worldSize, readEntries, ...found } = await openDcpState(folder, signal);
  return {
    ...found,
    format: "dcp",
    tensors: entries.flatMap(({ tensor }) => tensor ?? []),
    metadata: new Map(),
    aliases: new Map(),
    content: buildStateTree(entries),
    layout: {
      label: "torch.distributed.checkpoint",
      ...(worldSize === undefined ? {} : { worldSize }),
      ...(entries.length === 0 ? {} : { load: loadAdvice(folder.path) }),
    },
    readValues: async (valueSignal) => {
      const { entries: filled, ...told } = await readEntries(valueSignal);
      return { ...told, content: buildStateTree(filled) };
    },
  };
}

/** The same for a folder that is a part of a checkpoint. */
export async function openDcpState(folder: FolderListing, signal?: AbortSignal): Promise<DcpFolder> {
  const present = folder.entries.filter(({ kind }) => kind === "file");
  if (!present.some(({ name }) => name === metadataName)) return unfinished(folder, signal);
  const path = joinPath(folder.path, metadataName);
  const { metadata, imports, problems: found } = await readDcpMetadata(folder.files, path, signal);
  const problems = new ProblemList(maxListedProblems);
  for (const problem of found) problems.add({ ...problem, file: path });
  const files = await listDcpFiles(folder, metadata, problems);
  const tensors = joinTensors(metadata, files, problems, path);
  const cut = reportFiles(files, tensors, problems);
  reportEntries(metadata, files, problems, path);
  const entries: StateEntry[] = [
    ...tensors.map((tensor) => ({ name: tensor.name, path: metadata.paths.get(tensor.name), tensor })),
    ...metadata.values.map((name) => ({ name, path: metadata.paths.get(name) })),
  ];
  const writers = files.list.flatMap(({ name, status }) => (status === "extra" ? [] : rankOf(name)));
  return {
    entries,
    files: files.list.map((file, index) => (cut.has(index) ? { ...file, status: "broken" as const } : file)),
    imports,
    problems: problems.toArray(),
    worldSize: writers.length === 0 ? undefined : Math.max(...writers) + 1,
    readEntries: (valueSignal) => readDcpValues(folder.files, { metadata, files, entries }, valueSignal),
  };
}

function loadAdvice(path: string): LoadAdvice {
  return {
    sentence:
      "torch.distributed.checkpoint.load fills a model on any number of ranks from it; this makes one file of it, in the memory of one process.",
    snippet: [
      "from torch.distributed.checkpoint.format_utils import dcp_to_torch_save",
      "",
      `dcp_to_torch_save(${pythonString(path)}, "joined.pt")`,
    ].join("\n"),
  };
}

/** `.metadata` is written when every process is done: without it the names and shapes of the items are not known. */
async function unfinished({ path, entries, files }: FolderListing, signal?: AbortSignal): Promise<DcpFolder> {
  const items = entries.filter(({ name }) => itemFile.test(name));
  const paths = items.map(({ name }) => joinPath(path, name));
  const imports = await importsOfUnlisted(files, paths, signal);
  const hasPart = entries.some(({ name }) => name === unfinishedName);
  const message =
    `The save did not finish: .metadata is missing, which is written last. ${plural(items.length, "file")} of values ` +
    `${items.length === 1 ? "is" : "are"} there, but which tensors they hold is not known without it.` +
    (hasPart ? ` ${unfinishedName} shows that it was about to be written.` : "");
  return {
    entries: [],
    imports,
    problems: [
      { severity: "error", code: "MissingMetadata", message, file: path },
      ...importProblems(imports).map((problem) => ({ ...problem, file: path })),
    ],
    files: await sizedFiles(files, path, items, "ok"),
    worldSize: undefined,
    readEntries: async () => ({ entries: [], imports: [], problems: [] }),
  };
}

const emptyMetadata: DcpMetadata = {
  tensors: [],
  values: [],
  unreadable: [],
  paths: new Map(),
  items: new Map(),
  faultyItems: [],
};

/** Reads `.metadata` and what it would import. @throws CheckpointError where it cannot be read, or is none. */
export async function readDcpMetadata(files: Files, path: string, signal?: AbortSignal) {
  const source = await files.open(path);
  try {
    if (source.size > maxMetadataBytes) {
      const message = `.metadata has ${formatCount(source.size)} bytes; up to ${formatCount(maxMetadataBytes)} are read.`;
      throw new CheckpointError("MetadataTooLarge", message, undefined, path);
    }
    const { value, failure, imports, problems } = await unpickleFrom(source, { signal });
    const judged = mergeImports(judgeImports(imports));
    const told = [...importProblems(judged), ...problems];
    try {
      if (failure !== undefined) throw failure;
      return { metadata: parseDcpMetadata(value ?? null), imports: judged, problems: told };
    } catch (error) {
      // A directory that would run code is told of that, whatever else it is not.
      if (!(error instanceof CheckpointError) || !told.some(({ severity }) => severity !== "info"))
        throw error;
      return {
        metadata: emptyMetadata,
        imports: judged,
        problems: [error.inFile(path).toProblem(), ...told],
      };
    }
  } catch (error) {
    throw error instanceof CheckpointError ? error.inFile(path) : error;
  } finally {
    await source.close();
  }
}

function joinTensors(
  metadata: DcpMetadata,
  files: DcpFiles,
  problems: ProblemList,
  path: string,
): readonly Tensor[] {
  const tensors: Tensor[] = [];
  let chunks = 0;
  for (const tensor of metadata.tensors) {
    chunks += tensor.chunks.length;
    if (chunks > maxChunks) {
      const message = `.metadata lists more than ${formatCount(maxChunks)} chunks; the tensors behind them are not shown.`;
      problems.add({ severity: "error", code: "TooManyChunks", message, file: path });
      break;
    }
    tensors.push(joinTensor(tensor, metadata, files));
  }
  return tensors;
}

function joinTensor(entry: DcpTensor, metadata: DcpMetadata, files: DcpFiles): Tensor {
  const { name, shape, dtype, dtypeName } = entry;
  const count = elementCount(shape);
  if (dtype === undefined || dtype.valuesPerElement !== 1 || !Number.isSafeInteger(count)) {
    const fault = `the size of its values is not known (${dtypeName.slice(0, 60)})`;
    return {
      name,
      dtype: dtype?.dtype ?? dtypeName.slice(0, 60),
      shape,
      byteSize: 0,
      offset: 0,
      fileIndex: 0,
      assembly: { pieces: [], unclaimed: 0, fault },
    };
  }
  const pieces = entry.chunks.flatMap(({ offsets, sizes }): TensorPiece[] => {
    const elements = elementCount(sizes);
    // The last ranks of a short axis have none, and share one place with the next.
    if (elements === 0 && sizes.length === shape.length) return [];
    const item = metadata.items.get(itemKey(name, offsets));
    const fileIndex = item === undefined ? undefined : files.indexOf.get(item.file);
    const expected = { name, dtype: dtype.dtype, shape: sizes, offsets };
    const bytes = elements * dtype.elementBytes;
    const absent = absence(item, fileIndex, files);
    return [
      {
        place: { kind: "box", offsets, sizes },
        fileIndex: fileIndex ?? 0,
        region: new DcpItemRegion(item ?? noItem, expected, bytes),
        start: 0,
        ...(item !== undefined && item.transforms.length > 0 ? { inMemory: true as const } : {}),
        ...(absent === undefined ? {} : { absent }),
      },
    ];
  });
  const assembly = assemble(shape, pieces);
  const [first] = assembly.pieces;
  return {
    name,
    dtype: dtype.dtype,
    shape,
    byteSize: count * dtype.elementBytes,
    offset: first?.region.fileOffset ?? 0,
    fileIndex: first?.fileIndex ?? 0,
    assembly,
  };
}

const noItem: DcpItem = { file: "", offset: 0, length: 0, transforms: [] };
