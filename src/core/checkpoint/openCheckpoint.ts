import type { BrokenLink, FileEntry, Files } from "../bytes/files";
import { baseName, joinPath, parentPath } from "../bytes/paths";
import { safetensorsPieces } from "../formats/dcp/safetensorsPieces";
import { shardingKey } from "../formats/dcp/shardingInfo";
import { flaxFileOf } from "../formats/flax/flaxFiles";
import type { FolderFormat } from "../formats/folderFormat";
import { folderFormatOf } from "../formats/folderRegistry";
import { rankOfFile } from "../formats/fsdp/rankFiles";
import { readRankPiece } from "../formats/fsdp/rankPiece";
import { isOrbaxStep, orbaxFolder } from "../formats/orbax/orbaxFolder";
import { readCheckpointFile } from "../formats/readFile";
import { bundleIndexOf, openBundle } from "../formats/tensorflow/tensorflowBundle";
import { isUnpackedArchive, openUnpackedArchive, unpackedPickleName } from "../formats/torch/unpackedArchive";
import { brokenLinkText, lostParts } from "../parts/brokenLinks";
import { lostOf } from "../parts/lostPointers";
import { classifyEntry, mainFile, mainFolder, type Part, type PartFile } from "../parts/parts";
import { CheckpointError } from "../problem/checkpointError";
import { isReadingError } from "../problem/problem";
import { parseStepFolder } from "../progress/checkpointNames";
import { inNameOrder } from "../tensors/nameOrder";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";
import type { Checkpoint } from "./checkpoint";
import { joinOutside } from "./joinOutside";
import { modelFolders } from "./modelFolders";
import { kerasIndexEnding, kerasIndexOf, openShardedKeras } from "./openShardedKeras";
import { openShardedModel } from "./openShardedModel";
import { isSplitGguf, openSplitGguf } from "./openSplitGguf";

const indexEnding = ".index.json";

/**
 * Opens a checkpoint file, the index of a sharded model, or a checkpoint folder by its main file. Reads
 * directories of files (headers), never tensors.
 * @throws CheckpointError when there is nothing to show; the message says what the path holds instead.
 */
export async function openCheckpoint(files: Files, path: string, signal?: AbortSignal): Promise<Checkpoint> {
  const found = await files.stat(path);
  if (found === undefined || partsOfBundle.test(baseName(path))) {
    const index = await bundleIndexOf(files, path);
    if (index !== undefined) return openBundleFile(files, index, signal);
  }
  if (found === undefined) throw new CheckpointError("NotFound", await absence(files, path), undefined, path);
  if (found.kind === "directory") return openFolder(files, path, signal);
  // What lies beside the weights and only speaks of them: the folder is what is meant.
  if (descriptions.has(baseName(path)) || partsOfDcp.test(baseName(path)))
    return openFolder(files, parentPath(path), signal);
  if (baseName(path) === unpackedPickleName && isUnpackedArchive(await files.list(parentPath(path))))
    return openUnpacked(files, parentPath(path), signal);
  if (!partsOfBundle.test(baseName(path))) return openFile(files, path, signal);
  return openFile(files, path, signal).catch((error: unknown) => {
    const isUnknown = error instanceof CheckpointError && error.code === "UnknownFormat";
    throw isUnknown ? withoutIndex(path) : error;
  });
}

/** Values whose names and shapes stand in the index beside them, which is not there. */
function withoutIndex(path: string): CheckpointError {
  const index = `${baseName(path).replace(partsOfBundle, "")}.index`;
  const message = `By its name this is a part of a TensorFlow checkpoint: values, whose names and shapes are in ${index}, which is not beside it. Copy it there.`;
  return new CheckpointError("MissingIndex", message, undefined, path);
}

/** Why nothing is there. */
async function absence(files: Files, path: string): Promise<string> {
  const links: BrokenLink[] = [];
  await files.list(parentPath(path), (link) => links.push(link)).catch(() => undefined);
  const own = links.find(({ name }) => name === baseName(path));
  return own === undefined ? "There is no such file or folder." : brokenLinkText(own);
}

/** Files that may be a model whatever they are called, and are data, a tokenizer or a scaler as often. */
const opensAlone = /\.(?:onnx|pkl|pickle|joblib|dill|sav|npz)$/i;

/** Of a snapshot of the hub's cache that lost its blobs every file is one. */
const maxLostTold = 3;

const descriptions: ReadonlySet<string> = new Set(["trainer_state.json", "adapter_config.json"]);

/** TensorFlow's checkpoints are named by a prefix, which is no file at all. */
const partsOfBundle = /\.index$|\.data-\d{5}-of-\d{5}$/;

async function openBundleFile(files: Files, path: string, signal?: AbortSignal): Promise<Checkpoint> {
  const { layout: _, tensors, ...parsed } = await openBundle(files, path, signal);
  return {
    ...parsed,
    path,
    name: baseName(path),
    folder: parentPath(path),
    tensors: inNameOrder(tensors),
    wholeModelPath: undefined,
    problems: parsed.problems.map((problem) => ({ file: path, ...problem })),
  };
}

/** Of these each file alone says nothing: one has the names, the others the values. */
const partsOfDcp = /^\.metadata$|\.distcp$/;

async function openFile(files: Files, path: string, signal?: AbortSignal): Promise<Checkpoint> {
  if (path.endsWith(indexEnding)) return openShardedModel(files, path, signal);
  if (path.endsWith(kerasIndexEnding)) return openShardedKeras(files, path, signal);
  return isSplitGguf(path) ? openSplitGguf(files, path, signal) : openSingleFile(files, path, signal);
}

async function openFolder(files: Files, folder: string, signal?: AbortSignal): Promise<Checkpoint> {
  const links: BrokenLink[] = [];
  const entries = await files.list(folder, (link) => links.push(link));
  const format = folderFormatOf(entries);
  if (format !== undefined) return openDistributed(files, folder, format, entries, signal);
  if (isUnpackedArchive(entries)) return openUnpacked(files, folder, signal);
  const name = mainFile(entries);
  if (name !== undefined) {
    const main = await openFile(files, joinPath(folder, name), signal);
    // A part of tensors alone, under a name that does not tell it.
    return main.isPiece === true && main.metadata.has(shardingKey)
      ? openDistributed(files, folder, safetensorsPieces, entries, signal)
      : main;
  }
  if (entries.some((entry) => entry.name === unpackedPickleName && entry.kind === "file"))
    return openFile(files, joinPath(folder, unpackedPickleName), signal);
  const listing = { files, path: folder, entries };
  const flaxFile = await flaxFileOf(files, folder, entries);
  if (flaxFile !== undefined) {
    const opened = await openFile(files, joinPath(folder, flaxFile.name), signal);
    return { ...opened, problems: [...opened.problems, ...flaxFile.problems] };
  }
  if (await isOrbaxStep(listing)) return openDistributed(files, folder, orbaxFolder, entries, signal);
  // verl keeps each model of a step in a folder of its role; the policy is what people mean by the step.
  const actor = entries.find(({ kind, name: role }) => kind === "directory" && role === "actor");
  if (actor !== undefined) return openFolder(files, joinPath(folder, actor.name), signal);
  // A folder of stages holds adapters and models too, each a checkpoint of its own.
  const isOne =
    parseStepFolder(baseName(folder)) !== undefined ||
    entries.some((entry) => stateParts.has(classifyEntry(entry).part));
  const models = isOne ? await modelFolders(files, folder, entries) : [];
  const trained = mainFolder(models);
  if (trained !== undefined) return openModelOf(files, folder, trained, models, signal);
  const database = entries.find(({ name, kind }) => kind === "file" && /\.(?:db|sqlite3?)$/i.test(name));
  const beside =
    database === undefined
      ? ""
      : ` ${quote(database.name)} looks like a database, as trackio and MLflow keep runs in.`;
  const inside = entries.filter(({ kind, name }) => kind === "directory" && stepName.test(name));
  const [newest] = inside.map((entry) => entry.name).sort((a, b) => stepOf(b) - stepOf(a));
  const within =
    newest === undefined
      ? ""
      : ` Checkpoints lie in ${plural(inside.length, "folder")} of it: open one of these, such as ${quote(newest)}.`;
  const pipeline = entries.some((entry) => entry.name === "model_index.json" && entry.kind === "file");
  if (pipeline) throw new CheckpointError("NoWeights", pipelineFact(entries), undefined, folder);
  const names = entries.flatMap(({ kind, name }) => (kind === "file" ? [name] : []));
  const lost = await lostOf(files, folder, lostParts(links), names, signal);
  const gone = lost
    .slice(0, maxLostTold)
    .map(({ message }) => ` ${message}`)
    .join("");
  const alone = entries
    .filter(
      (entry) =>
        entry.kind === "file" && opensAlone.test(entry.name) && classifyEntry(entry).part === "other",
    )
    .map(({ name }) => name);
  const start =
    alone[0] === undefined
      ? "The folder holds no weights: no model, adapter or index file that is known here."
      : `No file of the folder has a name by which weights are told. ${quote(alone[0])}${alone.length > 1 ? ` and ${alone.length - 1} more` : ""} may hold a model: open ${alone.length > 1 ? "them one by one" : "it by itself"}.`;
  const fact = `${start}${beside}${within}${gone}`;
  const isCheckpoint = entries.some((entry) => classifyEntry(entry).part !== "other");
  if (!isCheckpoint) throw new CheckpointError("NoWeights", fact, undefined, folder);
  return {
    path: folder,
    name: baseName(folder),
    folder,
    format: "unknown",
    files: [],
    tensors: [],
    metadata: new Map(),
    aliases: new Map(),
    wholeModelPath: undefined,
    problems: [{ severity: "warning", code: "NoWeights", message: fact, file: folder }],
  };
}

/**
 * One of the adapters or models that lie in folders of their own, as that of the checkpoint: what lies beside these
 * folders is its progress and its optimizer.
 */
async function openModelOf(
  files: Files,
  folder: string,
  { name, part }: PartFile,
  models: readonly PartFile[],
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const opened = await openFolder(files, joinPath(folder, name), signal);
  const alike = models.filter((model) => model.part === part);
  if (alike.length === 1) return { ...opened, folder };
  const [what, code] = part === "adapter" ? ["adapters", "SeveralAdapters"] : ["models", "SeveralModels"];
  const listed = alike.map((model) => model.name).join(", ");
  const message = `The checkpoint holds ${alike.length} ${what}, each in a folder of its own: ${listed}. This is ${name}.`;
  const problem = { severity: "info", code, message, file: folder } as const;
  return { ...opened, folder, problems: [...opened.problems, problem] };
}

function pipelineFact(entries: readonly FileEntry[]): string {
  const folders = entries.filter(({ kind }) => kind === "directory").map(({ name }) => name);
  return `The folder is a pipeline of diffusers, which keeps each model in a folder of its own: open one of them (${folders.slice(0, 8).join(", ")}).`;
}

/** What a training saves beside its weights, once for all of them. */
const stateParts: ReadonlySet<Part> = new Set<Part>(["optimizer", "scheduler", "rng-state", "trainer-state"]);

/** As trainers name the folders of a run. */
const stepName = /^(?:checkpoint|ckpt|step|epoch|iter|global_?step)[-_]?(\d+)$/i;

function stepOf(name: string): number {
  return Number(stepName.exec(name)?.[1] ?? -1);
}

/** The folder stands for the file that it was. */
async function openUnpacked(files: Files, folder: string, signal?: AbortSignal): Promise<Checkpoint> {
  const parsed = await openUnpackedArchive(files, folder, signal);
  return ofFolder({ ...parsed, format: parsed.format ?? "torch-zip" }, folder);
}

/** A folder that is one checkpoint, put together from the files of several processes. */
async function openDistributed(
  files: Files,
  folder: string,
  format: FolderFormat,
  entries: readonly FileEntry[],
  signal?: AbortSignal,
): Promise<Checkpoint> {
  return ofFolder(await format.open({ files, path: folder, entries }, signal), folder);
}

/** A checkpoint whose path is its folder. */
function ofFolder(
  { tensors, ...parsed }: Omit<Checkpoint, "path" | "name" | "folder" | "wholeModelPath">,
  folder: string,
): Checkpoint {
  return {
    ...parsed,
    path: folder,
    name: baseName(folder),
    folder,
    tensors: inNameOrder(tensors),
    wholeModelPath: undefined,
    problems: parsed.problems.map((problem) => ({ file: folder, ...problem })),
  };
}

async function openSingleFile(files: Files, path: string, signal?: AbortSignal): Promise<Checkpoint> {
  const name = baseName(path);
  const source = await files.open(path);
  try {
    const file = await readCheckpointFile(source, name, path, signal);
    const parsed = await readRankPiece(file, source, rankOfFile(name), signal);
    const { format, metadata, aliases, content, imports, standsFor } = parsed;
    const { tensors, others, problems } = await joinOutside(files, parentPath(path), parsed);
    const broken = problems.some(isReadingError);
    return {
      path,
      name,
      folder: parentPath(path),
      format,
      files: [{ name, path, bytes: source.size, status: broken ? "broken" : "ok" }, ...others],
      tensors: inNameOrder(tensors),
      metadata,
      aliases,
      ...(await wholeOf(files, path, metadata, parsed !== file)),
      ...(content === undefined ? {} : { content }),
      ...(standsFor === undefined ? {} : { standsFor }),
      ...(imports === undefined ? {} : { imports }),
      problems: problems.map((problem) => ({ file: path, ...problem })),
    };
  } finally {
    await source.close();
  }
}

/** `model-00002-of-00003.safetensors` belongs to `model.safetensors.index.json`, if that is there. */
const shardName = /^(.+)-\d{5,6}-of-\d{5,6}(\.[a-z]+)$/;

/** What the file is a part of: a model whose index is beside it, or the files of other ranks. */
async function wholeOf(
  files: Files,
  path: string,
  metadata: Checkpoint["metadata"],
  holdsParts: boolean,
): Promise<Pick<Checkpoint, "wholeModelPath" | "isPiece">> {
  const name = baseName(path);
  const isPiece = metadata.has(shardingKey) || rankOfFile(name) !== undefined;
  if (isPiece) return { wholeModelPath: parentPath(path), isPiece };
  if (holdsParts) return { wholeModelPath: undefined, isPiece: true };
  return { wholeModelPath: await findIndex(files, path) };
}

async function findIndex(files: Files, path: string): Promise<string | undefined> {
  const match = shardName.exec(baseName(path));
  const name = match === null ? kerasIndexOf(baseName(path)) : `${match[1]}${match[2]}${indexEnding}`;
  if (name === undefined) return undefined;
  const candidate = joinPath(parentPath(path), name);
  return (await files.stat(candidate)) === undefined ? undefined : candidate;
}
