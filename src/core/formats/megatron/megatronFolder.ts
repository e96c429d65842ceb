import type { FileEntry } from "../../bytes/files";
import { baseName, joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { pythonString } from "../../text/pythonString";
import { quote } from "../../text/quote";
import type { FolderFormat, FolderListing, ParsedFolder } from "../folderFormat";
import { isDistributed, openDistributed } from "./distributed";
import { openRankFolders } from "./rankFolders";
import { isRankFolder } from "./rankModel";

/** Checkpoints of Megatron-LM: of one iteration, or the folder above that names the newest. */
export const megatronFolder: FolderFormat = {
  id: "megatron-legacy",
  matches: (entries) => isIteration(entries) || isRun(entries) || isNemo(entries),
  open,
};

const trackerName = "latest_checkpointed_iteration.txt";
const iterationFolder = /^iter_(\d{1,12})$/;
const maxTrackerBytes = 1000;

function isIteration(entries: readonly FileEntry[]): boolean {
  return (
    entries.some(({ name, kind }) => kind === "directory" && isRankFolder(name)) || isDistributed(entries)
  );
}

function isRun(entries: readonly FileEntry[]): boolean {
  return (
    entries.some(({ name, kind }) => kind === "file" && name === trackerName) &&
    entries.some(
      ({ name, kind }) => kind === "directory" && (iterationFolder.test(name) || name === "release"),
    )
  );
}

/** NeMo 2 keeps Megatron's distributed checkpoint in `weights` and what makes the model again in `context`. */
function isNemo(entries: readonly FileEntry[]): boolean {
  return ["weights", "context"].every((folder) =>
    entries.some(({ name, kind }) => kind === "directory" && name === folder),
  );
}

function openIteration(listing: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  return isDistributed(listing.entries) ? openDistributed(listing, signal) : openRankFolders(listing, signal);
}

async function open(listing: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  if (isIteration(listing.entries)) return openIteration(listing, signal);
  const problems: Problem[] = [];
  const isOfNemo = !isRun(listing.entries);
  const inner = isOfNemo ? await weightsOf(listing) : await chooseIteration(listing, problems, signal);
  const parsed = await openIteration(inner, signal);
  return {
    ...parsed,
    ...(isOfNemo ? { layout: nemoLayout(parsed, listing.path) } : {}),
    // Shown by the folder that was opened: a file's name leads to it.
    files: parsed.files.map((file) => ({ ...file, name: `${baseName(inner.path)}/${file.name}` })),
    problems: [...problems, ...parsed.problems],
  };
}

/** @throws CheckpointError where it is none of Megatron's. */
async function weightsOf({ files, path }: FolderListing): Promise<FolderListing> {
  const inner = joinPath(path, "weights");
  const entries = await files.list(inner).catch(() => []);
  if (isIteration(entries)) return { files, path: inner, entries };
  const isUnfinished = entries.some(({ name }) => name.endsWith(".distcp"));
  const message = isUnfinished
    ? "The folder is laid out as NeMo 2 lays out its checkpoints, but `weights` has no metadata.json: the save did not finish."
    : "The folder is laid out as NeMo 2 lays out its checkpoints, but `weights` holds no checkpoint of Megatron.";
  throw new CheckpointError("NoWeights", message, undefined, path);
}

function nemoLayout({ layout }: ParsedFolder, path: string): ParsedFolder["layout"] {
  return {
    ...layout,
    label: `NeMo 2 (${layout.label})`,
    load: {
      sentence: "NeMo makes the model again from `context` and loads the weights on any parallel layout.",
      snippet: [
        "from nemo.lightning import io",
        "",
        `model = io.load_context(${pythonString(path)}, subpath="model")`,
      ].join("\n"),
    },
  };
}

/**
 * The iteration that the tracker names, else the newest.
 * @throws CheckpointError where there is none.
 */
async function chooseIteration(
  { files, path, entries }: FolderListing,
  problems: Problem[],
  signal?: AbortSignal,
): Promise<FolderListing> {
  const folders = entries.flatMap(({ name, kind }) => (kind === "directory" ? [name] : []));
  const numberOf = (name: string) => Number(iterationFolder.exec(name)?.[1] ?? -1);
  const newest = folders
    .filter((name) => iterationFolder.test(name))
    .sort((a, b) => numberOf(b) - numberOf(a));
  const tracker = joinPath(path, trackerName);
  const told = (await readText(files, tracker, maxTrackerBytes, signal).catch(() => "")).trim();
  signal?.throwIfAborted();
  const named =
    told === "release" ? told : folders.find((name) => /^\d+$/.test(told) && numberOf(name) === Number(told));
  if (named === undefined || !folders.includes(named)) {
    const message = `\`${trackerName}\` says ${quote(told)}, but there is no such folder.`;
    problems.push({ severity: "error", code: "TagMismatch", message, file: tracker });
  } else if (newest[0] !== undefined && numberOf(newest[0]) > numberOf(named) && named !== "release") {
    const message = `\`${trackerName}\` says ${quote(told)}, but the newest folder is ${quote(newest[0])}: it may be unfinished.`;
    problems.push({ severity: "warning", code: "TagMismatch", message, file: tracker });
  }
  for (const name of [...(named === undefined ? [] : [named]), ...newest]) {
    const inner = joinPath(path, name);
    const listed = await files.list(inner).catch(() => []);
    if (isIteration(listed)) return { files, path: inner, entries: listed };
  }
  const message = "The folder is laid out as Megatron-LM lays out its saves, but no folder of it holds one.";
  throw new CheckpointError("NoWeights", message, undefined, path);
}
