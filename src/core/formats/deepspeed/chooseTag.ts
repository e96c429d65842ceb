import type { FileEntry } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { quote } from "../../text/quote";
import type { FolderListing } from "../folderFormat";
import { zeroFiles } from "./zeroFiles";

const stepFolder = /^global_step(\d{1,15})(_universal)?$/;
const maxTagBytes = 1000;

/** A folder of DeepSpeed with the names in it. */
export interface TagFolder {
  readonly path: string;
  readonly entries: readonly FileEntry[];
}

/** The names in a folder are those of one save of DeepSpeed: of its ranks, or of a universal checkpoint. */
export function isTagFolder(entries: readonly FileEntry[]): boolean {
  return isUniversal(entries) || zeroFiles(fileNames(entries)) !== undefined;
}

/** A universal checkpoint has a folder for each parameter in `zero`. */
export function isUniversal(entries: readonly FileEntry[]): boolean {
  const isNamed = entries.some(({ name, kind }) => kind === "directory" && name === "zero");
  return (
    isNamed && entries.some(({ name }) => /^(?:zero_pp_rank_\d+_)?mp_rank_\d+_model_states\.pt$/.test(name))
  );
}

export function fileNames(entries: readonly FileEntry[]): string[] {
  return entries.flatMap(({ name, kind }) => (kind === "file" ? [name] : []));
}

/** Whole weights beside the folder of DeepSpeed's, as Trainer writes them: those are then what the folder is. */
const wholeWeights =
  /\.safetensors(?:\.index\.json)?$|^(?:pytorch_model|adapter_model).*\.bin(?:\.index\.json)?$|\.gguf$/;

/** A folder that names its newest save by `latest`, or that holds folders of saves. */
export function isRunOfTags(entries: readonly FileEntry[]): boolean {
  if (entries.some(({ name }) => wholeWeights.test(name))) return false;
  const hasFolders = entries.some(({ kind }) => kind === "directory");
  return entries.some(
    ({ name, kind }) =>
      (kind === "directory" && stepFolder.test(name)) ||
      (kind === "file" && hasFolders && /^latest(?:_universal)?$/.test(name)),
  );
}

/**
 * The save that a folder means: the one that `latest` names, else the newest. What disagrees is reported.
 * @throws CheckpointError where there is none.
 */
export async function chooseTag(
  { files, path, entries }: FolderListing,
  report: (problem: Problem) => void,
  signal?: AbortSignal,
): Promise<TagFolder> {
  const folders = entries.filter(({ kind }) => kind === "directory").map(({ name }) => name);
  const steps = folders.filter((name) => stepFolder.test(name)).sort((a, b) => stepOf(b) - stepOf(a));
  const told = await readTags({ files, path, entries }, signal);
  for (const [at, { file, tag }] of told.entries()) {
    const found = folders.includes(tag) ? await listTag(files, joinPath(path, tag)) : undefined;
    if (found === undefined) continue;
    const [skipped] = told.slice(0, at);
    if (skipped !== undefined) {
      const message = `\`${skipped.file}\` says ${quote(skipped.tag)}, which is not here; the universal checkpoint ${quote(tag)} is.`;
      report({ severity: "info", code: "TagMismatch", message, file: joinPath(path, skipped.file) });
    }
    const [newest] = steps;
    if (newest !== undefined && stepOf(newest) > stepOf(tag) && stepFolder.test(tag)) {
      const message = `\`${file}\` says ${quote(tag)}, but the newest folder is ${quote(newest)}. What is resumed from is what \`${file}\` says; the newer save may be unfinished.`;
      report({ severity: "warning", code: "TagMismatch", message, file: joinPath(path, file) });
    }
    return found;
  }
  const [latest] = told;
  if (latest !== undefined) {
    const message = `\`${latest.file}\` says ${quote(latest.tag)}, but there is no such folder with a save of DeepSpeed in it.`;
    report({ severity: "error", code: "TagMismatch", message, file: joinPath(path, latest.file) });
  }
  for (const name of steps) {
    const found = await listTag(files, joinPath(path, name));
    if (found === undefined) continue;
    if (latest === undefined) {
      const message = `\`latest\` is missing or empty, by which DeepSpeed finds what to resume from: without it or a tag it loads nothing. Write ${quote(name)} into it.`;
      report({ severity: "warning", code: "TagMissing", message, file: path });
    }
    return found;
  }
  const what =
    latest === undefined
      ? "no folder of it holds one"
      : `\`${latest.file}\` says ${quote(latest.tag)}, where there is none`;
  throw new CheckpointError(
    "NoWeights",
    `The folder is laid out as DeepSpeed lays out its saves, but ${what}.`,
    undefined,
    path,
  );
}

function stepOf(name: string): number {
  return Number(stepFolder.exec(name)?.[1] ?? -1);
}

async function listTag(files: FolderListing["files"], path: string): Promise<TagFolder | undefined> {
  try {
    const entries = await files.list(path);
    return isTagFolder(entries) ? { path, entries } : undefined;
  } catch {
    return undefined;
  }
}

/** What `latest` and `latest_universal` say; of those that cannot be read the folders themselves then tell. */
async function readTags(
  { files, path, entries }: FolderListing,
  signal?: AbortSignal,
): Promise<{ readonly file: string; readonly tag: string }[]> {
  const told: { readonly file: string; readonly tag: string }[] = [];
  for (const file of ["latest", "latest_universal"]) {
    if (!entries.some(({ name, kind }) => name === file && kind === "file")) continue;
    try {
      const tag = (await readText(files, joinPath(path, file), maxTagBytes, signal)).trim();
      if (tag !== "") told.push({ file, tag });
    } catch {
      signal?.throwIfAborted();
    }
  }
  return told;
}
