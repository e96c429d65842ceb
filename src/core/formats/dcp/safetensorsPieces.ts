import type { FileEntry } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, maxShards, parallelShardReads } from "../../problem/limits";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { assemble, type TensorPiece, unreadablePart } from "../../tensors/assembly";
import { elementBytesOf } from "../../tensors/dtype";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { pythonString } from "../../text/pythonString";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import type { FolderFormat, FolderListing, ParsedFolder } from "../folderFormat";
import { type ReadFileResult, readCheckpointFile } from "../readFile";
import { isSafetensorsPiece, rankOfPiece, savedOffsets, shardingInfo, shardingKey } from "./shardingInfo";

/**
 * torch.distributed.checkpoint as safetensors (`HuggingFaceStorageWriter` with sharding): each rank's file holds parts
 * of tensors, and says in its metadata where in these they begin. There is no directory of all.
 */
export const safetensorsPieces: FolderFormat = {
  id: "dcp-safetensors",
  matches: (entries) =>
    entries.some(isPiece) && !entries.some(({ name }) => name.endsWith(".safetensors.index.json")),
  open: openPieces,
};

function isPiece({ name, kind }: FileEntry): boolean {
  return kind === "file" && isSafetensorsPiece(name);
}

interface Opened {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly parsed: ReadFileResult | undefined;
  readonly failure: Problem | undefined;
}

async function openPieces(
  { files, path, entries }: FolderListing,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const named = entries.filter(isPiece);
  // Pieces under other names say themselves that they are some.
  const candidates = named.length > 0 ? named : entries.filter(({ name }) => name.endsWith(".safetensors"));
  const names = candidates
    .map(({ name }) => name)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .slice(0, maxShards);
  const opened = await mapParallel(names, parallelShardReads, async (name): Promise<Opened> => {
    const filePath = joinPath(path, name);
    try {
      const source = await files.open(filePath);
      try {
        const parsed = await readCheckpointFile(source, name, filePath, signal);
        return { name, path: filePath, bytes: source.size, parsed, failure: undefined };
      } finally {
        await source.close();
      }
    } catch (error) {
      signal?.throwIfAborted();
      const reason = messageOf(error);
      const code = error instanceof CheckpointError ? error.code : "UnreadableFile";
      const failure: Problem = { severity: "error", code, message: `${name}: ${reason}`, file: filePath };
      return { name, path: filePath, bytes: 0, parsed: undefined, failure };
    }
  });
  const problems = new ProblemList(maxListedProblems);
  for (const { parsed, failure, path: filePath, name } of opened) {
    if (failure !== undefined) problems.add(failure);
    for (const problem of parsed?.problems ?? []) {
      problems.add({ file: filePath, ...problem, message: `${name}: ${problem.message}` });
    }
  }
  const ranks = opened.flatMap(({ name }) => rankOfPiece(name) ?? []);
  const members: CheckpointFile[] = opened.map(({ name, path: filePath, bytes, parsed }) => {
    const rank = rankOfPiece(name);
    return {
      name,
      path: filePath,
      bytes,
      status: parsed === undefined ? "broken" : "ok",
      ...(rank === undefined ? {} : { rank: `rank ${rank}` }),
    };
  });
  const worldSize = ranks.length === 0 ? undefined : Math.max(...ranks) + 1;
  reportMissing(ranks, problems, path);
  const tensors = joinPieces(opened, problems);
  return {
    format: "dcp-safetensors",
    tensors,
    metadata: new Map(),
    aliases: new Map(),
    problems: problems.toArray(),
    files: members,
    layout: {
      label: "torch.distributed.checkpoint as safetensors",
      ...(worldSize === undefined ? {} : { worldSize }),
      load: {
        sentence: "torch puts the pieces together to safetensors files that from_pretrained reads.",
        // Without the names and the numbers of their files newer versions write nothing.
        snippet: [
          "from pathlib import Path",
          "from safetensors import safe_open",
          "from torch.distributed.checkpoint._consolidate_hf_safetensors import consolidate_safetensors_files",
          "",
          `folder = Path(${pythonString(path)})`,
          'names = {name for file in folder.glob("*.safetensors") for name in safe_open(file, "pt").keys()}',
          'Path("joined").mkdir(exist_ok=True)',
          'consolidate_safetensors_files(str(folder), "joined", {name: 1 for name in names})',
        ].join("\n"),
      },
    },
  };
}

/** A gap in the numbers shows; whether the last files are missing does not, for nothing says how many there were. */
function reportMissing(ranks: readonly number[], problems: ProblemList, path: string): void {
  const present = new Set(ranks);
  const missing: number[] = [];
  for (let rank = 0; rank < Math.min(maxShards, Math.max(-1, ...ranks)); rank++) {
    if (!present.has(rank)) missing.push(rank);
  }
  if (missing.length > 0) {
    const shown = missing.slice(0, 5).map((rank) => String(rank + 1).padStart(5, "0"));
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
    const message = `The files of shard ${shown.join(", ")}${more} are missing: of the tensors only parts are there.`;
    problems.add({ severity: "error", code: "MissingShard", message, file: path });
  }
  const message =
    "These files do not say how many there were: whether the last of them is missing cannot be told. The shapes are " +
    "those that the files together give.";
  problems.add({ severity: "info", code: "ShardCountUnknown", message, file: path });
}

interface Box {
  readonly offsets: readonly number[];
  readonly tensor: Tensor;
  readonly fileIndex: number;
}

function joinPieces(opened: readonly Opened[], problems: ProblemList): readonly Tensor[] {
  const boxes = new Map<string, Box[]>();
  for (const [fileIndex, { parsed, name: fileName, path }] of opened.entries()) {
    if (parsed === undefined) continue;
    const info = shardingInfo(parsed.metadata);
    if (info === undefined) {
      const message = `${fileName} does not say where its tensors belong (${shardingKey}): they are taken for whole ones.`;
      problems.add({ severity: "warning", code: "NoShardingInfo", message, file: path });
    }
    for (const tensor of parsed.tensors) {
      const offsets = savedOffsets(info, tensor);
      if (offsets === undefined) {
        const message = `${quote(tensor.name.slice(0, 200))} of ${fileName} does not say where it begins: it is left out.`;
        problems.addLazily("NoOffsets", () => ({
          severity: "error",
          code: "NoOffsets",
          message,
          tensor: tensor.name,
        }));
        continue;
      }
      const known = boxes.get(tensor.name);
      if (known === undefined) boxes.set(tensor.name, [{ offsets, tensor, fileIndex }]);
      else known.push({ offsets, tensor, fileIndex });
    }
  }
  const broken = opened.find(({ parsed }) => parsed === undefined);
  const whole = opened.filter(({ parsed }) => parsed !== undefined).length;
  return [...boxes].map(([name, parts]) => {
    // Nothing says how long a tensor is but its parts; one that each rank has whole has no more of them.
    const isWhole = parts.length === whole && parts.every(({ offsets }) => offsets.every((at) => at === 0));
    const lost =
      broken === undefined || isWhole ? undefined : `${broken.name} cannot be read, and may hold more of it`;
    return joined(name, parts, lost, problems);
  });
}

function joined(
  name: string,
  parts: readonly Box[],
  lost: string | undefined,
  problems: ProblemList,
): Tensor {
  const [first] = parts as [Box, ...Box[]];
  const { dtype } = first.tensor;
  const axes = first.tensor.shape.length;
  const shape = first.tensor.shape.map((_, axis) =>
    parts.reduce(
      (most, { offsets, tensor }) => Math.max(most, (offsets[axis] ?? 0) + (tensor.shape[axis] ?? 0)),
      0,
    ),
  );
  const isAlike = parts.every(({ tensor }) => tensor.dtype === dtype && tensor.shape.length === axes);
  const pieces = new Map<string, TensorPiece>();
  for (const { offsets, tensor, fileIndex } of parts) {
    const key = `${offsets.join()}|${tensor.shape.join()}`;
    // A tensor that is replicated is in the file of each rank.
    if (!pieces.has(key))
      pieces.set(key, pieceOfTensor(tensor, fileIndex, { kind: "box", offsets, sizes: tensor.shape }));
  }
  const width = elementBytesOf(dtype);
  // Values that share bytes have no boxes: what is whole is shown as it is.
  if (width === undefined && pieces.size === 1 && lost === undefined)
    return { ...first.tensor, fileIndex: first.fileIndex };
  const made = assemble(shape, isAlike ? [...pieces.values()] : []);
  const fault = !isAlike
    ? "its parts are of different types or numbers of axes"
    : width === undefined
      ? `values of ${dtype} share bytes and cannot be put together`
      : (made.fault ?? lost);
  const assembly = fault === undefined ? made : { ...made, fault };
  const tensor: Tensor = {
    name,
    dtype,
    shape,
    byteSize: elementCount(shape) * (width ?? 0),
    offset: first.tensor.offset,
    fileIndex: assembly.pieces[0]?.fileIndex ?? first.fileIndex,
    assembly,
  };
  const reason = unreadablePart(tensor);
  if (reason !== undefined) {
    const message = `${quote(name.slice(0, 200))} cannot be read whole: ${reason}`;
    problems.addLazily("PartlyReadable", () => ({
      severity: "error",
      code: "PartlyReadable",
      message,
      tensor: name,
    }));
  }
  return tensor;
}
