import { baseName } from "../../bytes/paths";
import { maxListedProblems } from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import { pythonString } from "../../text/pythonString";
import type { FolderFormat, FolderListing, LoadAdvice, ParsedFolder } from "../folderFormat";
import { chooseTag, fileNames, isRunOfTags, isTagFolder, isUniversal } from "./chooseTag";
import { readUniversal } from "./universal";
import { zeroFiles } from "./zeroFiles";
import { readZeroFolder } from "./zeroFolder";

/** Checkpoints of DeepSpeed: a folder with a file for each rank, or the folder above that names it by `latest`. */
export const deepSpeedFolder: FolderFormat = {
  id: "deepspeed",
  matches: (entries) => isTagFolder(entries) || isRunOfTags(entries),
  open,
};

async function open(listing: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  const problems = new ProblemList(maxListedProblems);
  const report = problems.add.bind(problems);
  const isInner = isTagFolder(listing.entries);
  const tag = isInner ? listing : await chooseTag(listing, report, signal);
  const inner = { ...listing, ...tag };
  const names = zeroFiles(fileNames(tag.entries));
  const parsed =
    isUniversal(tag.entries) || names === undefined
      ? await readUniversal(inner, report, signal)
      : await readZeroFolder(inner, names, report, signal);
  return {
    ...parsed,
    // Shown by the folder that was opened: a file's name leads to it.
    files: isInner
      ? parsed.files
      : parsed.files.map((file) => ({ ...file, name: `${baseName(tag.path)}/${file.name}` })),
    layout: { load: loadAdvice(isInner ? undefined : listing.path, tag.path), ...parsed.layout },
    problems: problems.toArray(),
  };
}

/** DeepSpeed's own way to one state dict of 32 bits. It loads the files of all ranks at once. */
function loadAdvice(root: string | undefined, tagPath: string): LoadAdvice {
  const tag = baseName(tagPath);
  const folder = root ?? tagPath.slice(0, tagPath.length - tag.length).replace(/[\\/]$/, "");
  return {
    sentence:
      "DeepSpeed resumes from it on as many ranks; zero_to_fp32 makes one 32-bit state dict of it, in the memory of one process.",
    snippet: [
      "from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint",
      "",
      `state_dict = get_fp32_state_dict_from_zero_checkpoint(${pythonString(folder)}, tag=${pythonString(tag)})`,
    ].join("\n"),
  };
}
