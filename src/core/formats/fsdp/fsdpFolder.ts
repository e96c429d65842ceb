import type { FileEntry } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { maxListedFiles, maxListedProblems, parallelShardReads } from "../../problem/limits";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { pythonString } from "../../text/pythonString";
import type { CheckpointFile } from "../checkpointFile";
import { numberOf } from "../contentView";
import { type DcpFolder, openDcpState } from "../dcp/dcpFolder";
import { buildStateTree, type StateEntry } from "../dcp/stateTree";
import type { FolderFormat, FolderListing, LoadAdvice, ParsedFolder, RankStep } from "../folderFormat";
import { type ImportFinding, mergeImports } from "../importFinding";
import { joinStates } from "./joinStates";
import { isTorchCheckpointing, type RankGroup, rankGroups } from "./rankFiles";
import { type RankState, readRankState } from "./readRankState";

/**
 * What accelerate and the Trainer save of a model under FSDP: folders of torch.distributed.checkpoint for the
 * parameters and each optimizer, or a file for each rank; verl saves such files too.
 */
export const fsdpFolder: FolderFormat = {
  id: "fsdp-ranks",
  matches: (entries) => partsOf(entries).length > 0 && !entries.some(isWholeModel),
  open: openFsdp,
};

/** Weights that any loader takes: they are what the folder is opened for, and the rest lies beside them. */
function isWholeModel({ name, kind }: FileEntry): boolean {
  return (
    kind === "file" &&
    /^(?:model|adapter_model|pytorch_model)(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)(?:\.index\.json)?$/.test(
      name,
    )
  );
}

const dcpFolderName = /^(?<stem>pytorch_model_fsdp|optimizer)(?:_(?<index>\d{1,4}))?$/;

interface Part {
  readonly role: "model" | "optimizer";
  readonly index: number;
  readonly folder?: string;
  readonly group?: RankGroup;
}

/** The model's parts first. A folder comes before files of the same: those may be of another save. */
function partsOf(entries: readonly FileEntry[]): readonly Part[] {
  const folders = entries.flatMap(({ name, kind }): Part[] => {
    const found = kind === "directory" ? dcpFolderName.exec(name) : null;
    if (found === null) return [];
    const { stem, index } = found.groups ?? {};
    const role = stem === "optimizer" ? "optimizer" : "model";
    return [{ role, index: Number(index ?? 0), folder: name }];
  });
  const groups = rankGroups(entries).map((group): Part => ({ role: group.role, index: group.index, group }));
  const hasModel = [...folders, ...groups].some(({ role }) => role === "model");
  const known = new Set(folders.map(({ role, index }) => `${role} ${index}`));
  const parts = [...folders, ...groups.filter(({ role, index }) => !known.has(`${role} ${index}`))];
  // An `optimizer` folder alone may be anybody's.
  return hasModel ? parts.toSorted((a, b) => a.role.localeCompare(b.role) || a.index - b.index) : [];
}

/** One part with what its tensors are called in the whole. */
interface OpenedPart {
  readonly entries: readonly StateEntry[];
  readonly files: readonly CheckpointFile[];
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  readonly worldSize: number | undefined;
  readonly dcp?: DcpFolder;
  readonly steps?: readonly RankStep[];
}

async function openFsdp(listing: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  const parts = partsOf(listing.entries);
  const opened: OpenedPart[] = [];
  for (const part of parts) {
    opened.push(
      part.folder === undefined
        ? await openGroup(listing, part.group as RankGroup, signal)
        : await openFolderPart(listing, part.folder, signal),
    );
  }
  const files: CheckpointFile[] = [];
  const entries: StateEntry[] = [];
  const problems = new ProblemList(maxListedProblems);
  const offsets: number[] = [];
  for (const [at, part] of opened.entries()) {
    const offset = files.length;
    offsets.push(offset);
    files.push(...part.files);
    entries.push(...part.entries.map((entry) => inWhole(entry, parts[at] as Part, offset)));
    for (const problem of part.problems) problems.add(problem);
  }
  const tensors = entries.flatMap(({ tensor }) => tensor ?? []);
  const worldSizes = opened.flatMap(({ worldSize }) => worldSize ?? []);
  const isDcp = parts.some(({ folder, role }) => folder !== undefined && role === "model");
  const isTitan = isTorchCheckpointing(listing.entries);
  return {
    format: isDcp ? "dcp" : "fsdp-ranks",
    tensors,
    metadata: new Map(),
    aliases: new Map(),
    content: buildStateTree(entries),
    imports: mergeImports(opened.flatMap(({ imports }) => imports)),
    problems: problems.toArray(),
    files,
    rankSteps: opened.flatMap(({ steps = [] }, at) =>
      steps.map((rank) => movedStep(rank, offsets[at] as number)),
    ),
    layout: {
      label: isDcp
        ? "FSDP, saved by torch.distributed.checkpoint"
        : isTitan
          ? "torch_checkpointing (torchtitan), a file for each rank"
          : "FSDP, a file for each rank",
      ...(worldSizes.length === 0 ? {} : { worldSize: Math.max(...worldSizes) }),
      load: isDcp
        ? mergeAdvice(listing.path, parts)
        : isTitan
          ? titanAdvice
          : files.some(({ name }) => name.startsWith("model_world_size_"))
            ? verlAdvice
            : rankFileAdvice,
    },
    readValues: async (valueSignal) => {
      const all: StateEntry[] = [];
      const found: ImportFinding[] = [];
      const told: Problem[] = [];
      for (const [at, part] of opened.entries()) {
        const read = await part.dcp?.readEntries(valueSignal);
        const own = read?.entries ?? part.entries;
        all.push(...own.map((entry) => inWhole(entry, parts[at] as Part, offsets[at] as number)));
        found.push(...(read?.imports ?? []));
        told.push(...(read?.problems ?? []));
      }
      const content = buildStateTree(withTensorsOf(all, entries));
      return { content, imports: mergeImports(found), problems: told };
    },
  };
}

function movedStep({ fileIndex, counter, step }: RankStep, by: number): RankStep {
  const moved = typeof step === "number" ? step : { ...step, fileIndex: fileIndex + by };
  return { fileIndex: fileIndex + by, counter, step: moved };
}

/** What the optimizer of each rank counts, of the first parameter that all of them have. */
function stepsOf(ranks: readonly RankState[]): readonly RankStep[] {
  const name = [...(ranks[0]?.entries?.keys() ?? [])].find((each) => /(?:^|\.)step$/.test(each));
  return ranks.flatMap(({ entries }, fileIndex): RankStep[] => {
    const { tensor, value } = (name === undefined ? undefined : entries?.get(name)) ?? {};
    const counter = "the optimizer's step";
    if (tensor === undefined) {
      const step = numberOf(value);
      return step === undefined ? [] : [{ fileIndex, counter, step }];
    }
    return elementCount(tensor.shape) === 1 ? [{ fileIndex, counter, step: { ...tensor, fileIndex } }] : [];
  });
}

/** The same tensors as those that are listed, which pages find by identity. */
function withTensorsOf(entries: readonly StateEntry[], listed: readonly StateEntry[]): readonly StateEntry[] {
  const tensors = new Map(listed.map(({ name, tensor }) => [name, tensor]));
  return entries.map((entry) => {
    const tensor = tensors.get(entry.name);
    return tensor === undefined ? entry : { ...entry, tensor };
  });
}

const rankFileAdvice: LoadAdvice = {
  sentence:
    "Each rank loads its own file with torch.load, as many ranks as there are files; no tool of torch or accelerate makes one file of them.",
};

const titanAdvice: LoadAdvice = {
  sentence:
    "torchtitan resumes from it on any number of ranks, with torch_checkpointing as its checkpointer; metadata.pkl tells how the ranks' parts fit together.",
};

const verlAdvice: LoadAdvice = {
  sentence: "verl resumes from it on as many ranks; its merger makes one model of it, run in this folder.",
  snippet: "python -m verl.model_merger merge --backend fsdp --local_dir . --target_dir merged",
};

function mergeAdvice(path: string, parts: readonly Part[]): LoadAdvice {
  const model = parts.find(({ role, folder }) => role === "model" && folder !== undefined)?.folder ?? "";
  return {
    sentence: "accelerate makes one safetensors file of the weights, in the memory of one process.",
    snippet: [
      "from accelerate.utils import merge_fsdp_weights",
      "",
      `merge_fsdp_weights(${pythonString(joinPath(path, model))}, ${pythonString(joinPath(path, "merged"))})`,
    ].join("\n"),
  };
}

/**
 * Parameters by their own names, an optimizer's state below `optimizer`; those of further models and optimizers below
 * a name with their number.
 */
function inWhole(entry: StateEntry, { role, index, folder }: Part, fileOffset: number): StateEntry {
  const given = entry.path ?? [entry.name];
  const [first] = given;
  // accelerate saves `{"model": state dict}` and `{"optimizer": state dict}` by DCP, and the state dict itself by rank.
  const own = folder !== undefined && given.length > 1 && first === role ? given.slice(1) : given;
  const top = index === 0 ? role : `${role}_${index}`;
  const path = role === "model" && index === 0 ? own : [top, ...own];
  const name = path.map(String).join(".");
  return {
    ...entry,
    name,
    path,
    ...(entry.tensor === undefined ? {} : { tensor: shifted({ ...entry.tensor, name }, fileOffset) }),
  };
}

function shifted(tensor: Tensor, by: number): Tensor {
  const { assembly, fileIndex } = tensor;
  if (by === 0) return tensor;
  return {
    ...tensor,
    fileIndex: fileIndex + by,
    ...(assembly === undefined
      ? {}
      : {
          assembly: {
            ...assembly,
            pieces: assembly.pieces.map((piece) => ({ ...piece, fileIndex: piece.fileIndex + by })),
          },
        }),
  };
}

async function openFolderPart(
  { files, path }: FolderListing,
  name: string,
  signal?: AbortSignal,
): Promise<OpenedPart> {
  const folder = joinPath(path, name);
  const within = (file: CheckpointFile): CheckpointFile => ({ ...file, name: joinPath(name, file.name) });
  try {
    const entries = await files.list(folder);
    const dcp = await openDcpState({ files, path: folder, entries }, signal);
    return {
      entries: dcp.entries,
      files: dcp.files.map(within),
      imports: dcp.imports,
      problems: dcp.problems.map((problem) => ({
        file: folder,
        ...problem,
        message: `${name}: ${problem.message}`,
      })),
      worldSize: dcp.worldSize,
      dcp,
    };
  } catch (error) {
    signal?.throwIfAborted();
    const message = `${name} cannot be read: ${messageOf(error)}`;
    const problem: Problem = { severity: "error", code: "UnreadableFolder", message, file: folder };
    return { entries: [], files: [], imports: [], problems: [problem], worldSize: undefined };
  }
}

async function openGroup(
  { files, path }: FolderListing,
  group: RankGroup,
  signal?: AbortSignal,
): Promise<OpenedPart> {
  const listed = group.files.slice(0, maxListedFiles);
  const ranks = await mapParallel(listed, parallelShardReads, ({ name, rank }) =>
    readRankState(files, { name, rank, path: joinPath(path, name) }, signal),
  );
  const {
    entries,
    files: members,
    worldSize,
    problems,
  } = joinStates(group, ranks, (name) => joinPath(path, name));
  return {
    entries,
    files: members,
    imports: mergeImports(ranks.flatMap(({ imports }) => imports)),
    problems: problems.toArray(),
    worldSize,
    steps: stepsOf(ranks),
  };
}
