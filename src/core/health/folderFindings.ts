import type { Adapter } from "../adapter/adapter";
import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext, FolderFile } from "../checkpoint/folderContext";
import type { OpenedFiles } from "../checkpoint/openedFiles";
import { TensorReader } from "../checkpoint/tensorReader";
import { lostParts } from "../parts/brokenLinks";
import { lostOf } from "../parts/lostPointers";
import { classifyEntry, type Part } from "../parts/parts";
import { CheckpointError } from "../problem/checkpointError";
import { maxListedProblems } from "../problem/limits";
import { messageOf } from "../problem/messageOf";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import { findLayout } from "../resume/findLayout";
import { listOrNothing } from "../resume/layoutFindings";
import { PartOpener } from "../resume/openedParts";
import { adapterSettings } from "./beside/adapterSettings";
import { bestCheckpointGone } from "./beside/bestCheckpointGone";
import { differingCopies } from "./beside/differingCopies";
import { endToken } from "./beside/endToken";
import { furtherModules } from "./beside/furtherModules";
import { generationSettings } from "./beside/generationSettings";
import { stagingBeside } from "./beside/stagingBeside";
import { tokenizerSize } from "./beside/tokenizerSize";
import { unfinishedDownloads } from "./beside/unfinishedDownloads";
import { codeBeside } from "./codeBeside";
import { importsBeside } from "./importsBeside";
import { namesItsFile } from "./namesItsFile";
import { rankFindings } from "./rankFindings";

/** Files beside the weights that are opened; the checkpoint of a large cluster has more, all alike. */
const maxOpened = 256;

/** What loaders open, or what people load by hand: pickles in all their wrappings, and tensors. */
const openable = /\.(?:pt|pth|tar|bin|ckpt|pkl|pickle|safetensors|npy|npz)$/i;

/** Folders that are part of one checkpoint. */
const partFolder =
  /^(?:global_step\d+|pytorch_model_fsdp(?:_\d+)?|optimizer(?:_\d+)?|model_\d+|mp_rank_\d+.*|recipe_state)$/;

/** Other folders are other checkpoints, or hold what belongs to this one: configurations, preprocessors, tokenizers. */
const otherCheckpoint =
  /^(?:checkpoint|epoch|step|iter|tmp-checkpoint)[-_=]?\d|^(?:\.git|node_modules|__pycache__)$/;

/** Folders that are neither, and files in all of them, that are looked at. */
const maxOtherFolders = 16;
const maxLookedAt = 512;

/** Problems of a file beside the weights that are no fault of the checkpoint: another kind of file under such a name. */
const ofOtherKinds: ReadonlySet<string> = new Set([
  "UnknownFormat",
  "UnsupportedFormat",
  "EmptyFile",
  "UnlistedTensor",
]);

/** Under these names PyTorch alone saves: an archive that is none of its own is what is left of one. */
const stateParts: ReadonlySet<Part> = new Set([
  "optimizer",
  "scheduler",
  "rng-state",
  "scaler",
  "training-args",
]);

/** Files that cannot be shown as what their names say, and may hold pickles all the same. */
const mayHoldPickles: ReadonlySet<string> = new Set([
  "UnknownFormat",
  "UnsupportedFormat",
  "TarArchive",
  "OldTorchTar",
  "NoDataPickle",
]);

/**
 * What is wrong in the other files of a checkpoint folder: each is opened (its directory and pickles, never its
 * tensors), also those in the folders that belong to it; and layouts of many processes are asked for missing shards.
 */
export async function folderFindings(
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  { folder, adapter }: { readonly folder: FolderContext; readonly adapter: Adapter | undefined },
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const problems = new ProblemList(maxListedProblems);
  const known = new Set([checkpoint.path, ...checkpoint.files.map(({ path }) => path)]);
  const parts = (await filesOf(opened.files, folder)).filter(({ path }) => !known.has(path));
  const others = await filesElsewhere(opened.files, folder);
  const candidates = parts.filter(({ name }) => openable.test(name));
  for (const file of candidates.slice(0, maxOpened)) {
    signal?.throwIfAborted();
    for (const problem of await problemsIn(opened, file, signal)) problems.add(problem);
  }
  const unnamed = [...parts.filter(({ name }) => !openable.test(name)), ...others];
  for (const file of unnamed.slice(0, maxLookedAt)) {
    signal?.throwIfAborted();
    for (const problem of await codeBeside(opened.files, file, signal)) problems.add(problem);
    for (const problem of await told(opened, file, signal)) problems.add(problem);
  }
  if (unnamed.length > maxLookedAt) {
    const message = `Of ${unnamed.length} other files the first ${maxLookedAt} were looked into.`;
    problems.add({ severity: "info", code: "ManyFiles", message, file: folder.folder });
  }
  if (candidates.length > maxOpened) {
    const message = `${candidates.length} files lie beside the weights; the first ${maxOpened} were looked into.`;
    problems.add({ severity: "warning", code: "ManyFiles", message, file: folder.folder });
  }
  const besides = [
    ...adapterSettings(checkpoint, adapter, folder),
    ...(await tokenizerSize(opened.files, checkpoint, folder, signal)),
    ...(await generationSettings(opened.files, folder, checkpoint.tensors, signal)),
    ...(await furtherModules(opened, folder, signal)),
    ...(await unfinishedDownloads(opened.files, folder)),
    ...(await differingCopies(opened, checkpoint, folder, signal)),
    ...(await lostInFolder(opened.files, folder, signal)),
    ...(await bestCheckpointGone(opened.files, folder)),
    ...(await stagingBeside(opened.files, folder)),
    ...(await endToken(opened.files, folder, signal)),
  ];
  for (const problem of besides) problems.add(problem);
  // What was opened as one checkpoint was looked at file by file.
  if (checkpoint.layout !== undefined) {
    const reader = new TensorReader(opened.files, checkpoint);
    try {
      for (const problem of await rankFindings(checkpoint, reader, signal)) problems.add(problem);
    } finally {
      await reader.close();
    }
  }
  // Whoever joined the files has told what was missing then.
  const isLost =
    checkpoint.layout !== undefined && checkpoint.problems.some(({ severity }) => severity === "error");
  if (!isLost) for (const problem of await layoutProblems(opened, folder, signal)) problems.add(problem);
  return problems.toArray();
}

/** Links of the folder that lead nowhere, and files that name a save which is gone. */
function lostInFolder(
  files: Files,
  { folder, files: listed, brokenLinks }: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  // Whether the folder that DeepSpeed's own `latest` names is here is told with its shards.
  const pointers = listed.flatMap(({ kind, name }) => (kind === "file" && name !== "latest" ? [name] : []));
  return lostOf(files, folder, lostParts(brokenLinks), pointers, signal);
}

type Named = Pick<FolderFile, "name" | "path">;

async function filesOf(files: Files, folder: FolderContext): Promise<readonly Named[]> {
  const own = folder.files.filter(({ kind }) => kind === "file");
  const below: Named[] = [];
  for (const { kind, name, path } of folder.files) {
    if (kind !== "directory" || !partFolder.test(name)) continue;
    const listed = await listOrNothing(files, path);
    below.push(...listed.filter((entry) => entry.kind === "file"));
  }
  return [...own, ...below];
}

/** Files one level down in folders that are no other checkpoint. */
async function filesElsewhere(files: Files, folder: FolderContext): Promise<readonly Named[]> {
  const others = folder.files.filter(
    ({ kind, name }) => kind === "directory" && !partFolder.test(name) && !otherCheckpoint.test(name),
  );
  const found: Named[] = [];
  for (const { path } of others.slice(0, maxOtherFolders)) {
    const listed = await listOrNothing(files, path);
    found.push(...listed.filter((entry) => entry.kind === "file"));
  }
  return found;
}

/** Nothing of a file that cannot be read: of one that nothing asks for that is no fault. */
async function told(opened: OpenedFiles, { path }: Named, signal?: AbortSignal): Promise<readonly Problem[]> {
  try {
    const problems = await importsBeside(opened, path, signal);
    return problems.map((problem) => namesItsFile({ file: path, ...problem }));
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}

async function problemsIn(
  opened: OpenedFiles,
  { path }: Named,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  try {
    const { problems } = await opened.open(path, signal);
    return problems.filter(isTold).map((problem) => namesItsFile({ file: path, ...problem }));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CheckpointError)) {
      const message = `${baseName(path)} cannot be read: ${messageOf(error)}.`;
      return [{ severity: "error", code: "UnreadableFile", message, file: path }];
    }
    const problem = { file: path, ...error.toProblem() };
    const within = mayHoldPickles.has(problem.code)
      ? await told(opened, { name: baseName(path), path }, signal)
      : [];
    const isState = stateParts.has(classifyEntry({ name: baseName(path), kind: "file" }).part);
    if (ofOtherKinds.has(problem.code) && !(isState && problem.code === "UnsupportedFormat")) return within;
    // A copy that was not fetched is not loaded either; the weights that are open are no worse for it.
    const severity = problem.code === "GitLfsPointer" ? "warning" : problem.severity;
    return [namesItsFile({ ...problem, severity }), ...within];
  }
}

function isTold({ severity, code }: Problem): boolean {
  return severity !== "info" && !ofOtherKinds.has(code);
}

/** Shards of DeepSpeed, Megatron and torch.distributed.checkpoint that are missing or cut. */
async function layoutProblems(
  opened: OpenedFiles,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const layout = await findLayout(opened.files, folder, new PartOpener(opened, signal));
  const failed = (layout?.checks ?? []).filter(({ verdict }) => verdict === "error");
  const messages = new Set(failed.map(({ reason }) => reason));
  return [...messages].map((message) => ({
    severity: "error",
    code: "IncompleteShards",
    message,
    file: folder.folder,
  }));
}
