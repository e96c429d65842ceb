import type { Files } from "../bytes/files";
import { isPlainFileName, joinPath } from "../bytes/paths";
import type { CheckpointFile } from "../formats/checkpointFile";
import type { OutsideValues, ParsedFile } from "../formats/format";
import { maxListedProblems } from "../problem/limits";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import type { Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import { quote } from "../text/quote";

export interface JoinedFile {
  readonly tensors: readonly Tensor[];
  /** The files that hold the values of some, behind the one that was opened. */
  readonly others: readonly CheckpointFile[];
  readonly problems: readonly Problem[];
}

/**
 * Finds the values of tensors that a file keeps in others (ONNX: "external data"). Only files of its own folder and
 * below are looked at, whatever the file says, and no link that leads out of it.
 */
export async function joinOutside(files: Files, folder: string, parsed: ParsedFile): Promise<JoinedFile> {
  const { outside, tensors } = parsed;
  if (outside === undefined || outside.size === 0) return { tensors, others: [], problems: parsed.problems };
  const problems = new ProblemList(maxListedProblems);
  for (const problem of parsed.problems) problems.add(problem);
  const places = new Map<string, Promise<FoundFile>>();
  const others: CheckpointFile[] = [];
  const joined: Tensor[] = [];
  for (const tensor of tensors) {
    const values = outside.get(tensor.name);
    if (values === undefined) {
      joined.push(tensor);
      continue;
    }
    let found = places.get(values.location);
    if (found === undefined) {
      found = lookAt(files, folder, values.location, others);
      places.set(values.location, found);
      const { problem } = await found;
      if (problem !== undefined) problems.add(problem);
    }
    joined.push(withValues(tensor, values, await found, others, problems));
  }
  return { tensors: joined, others, problems: problems.toArray() };
}

interface FoundFile {
  /** Its index among the files of the checkpoint; undefined where it may not be read. */
  readonly fileIndex: number | undefined;
  readonly problem?: Problem;
}

async function lookAt(
  files: Files,
  folder: string,
  location: string,
  others: CheckpointFile[],
): Promise<FoundFile> {
  const parts = location.split("/");
  const told = quote(location);
  if (!parts.every(isPlainFileName) || !(await isInside(files, folder, parts))) {
    const message = `Values should stand in ${told}, which is not inside the folder of the file. It is not read.`;
    return { fileIndex: undefined, problem: { severity: "error", code: "PathOutside", message } };
  }
  const path = joinPath(folder, ...parts);
  const stat = await files.stat(path);
  const status = stat?.kind === "file" ? "ok" : "missing";
  others.push({ name: location, path, bytes: stat?.size ?? 0, status });
  const fileIndex = others.length;
  if (status === "ok") return { fileIndex };
  const message = `${told}, which holds values of tensors, is missing. Copy it beside the file.`;
  return { fileIndex, problem: { severity: "error", code: "MissingFile", message, file: path } };
}

/** With every link followed it is still below the folder; what is not there leads nowhere. */
async function isInside(files: Files, folder: string, parts: readonly string[]): Promise<boolean> {
  const path = joinPath(folder, ...parts);
  if ((await files.stat(path)) === undefined) return true;
  const [real, root] = [await files.realPath(path), await files.realPath(folder)];
  const rest = real.startsWith(root) ? real.slice(root.length) : undefined;
  return rest !== undefined && (/[\\/]$/.test(root) || /^[\\/]/.test(rest));
}

function withValues(
  tensor: Tensor,
  { offset, length, location }: OutsideValues,
  { fileIndex }: FoundFile,
  others: readonly CheckpointFile[],
  problems: ProblemList,
): Tensor {
  const file = fileIndex === undefined ? undefined : others[fileIndex - 1];
  if (file === undefined || fileIndex === undefined || file.status === "missing") return tensor;
  const wrong = (code: string, what: string): Tensor => {
    const message = `${quote(tensor.name)} ${what}.`;
    problems.addLazily(code, () => ({
      severity: "error",
      code,
      message,
      file: file.path,
      tensor: tensor.name,
    }));
    return tensor;
  };
  if (!Number.isSafeInteger(offset) || offset < 0)
    return wrong("InvalidOffset", `should begin at byte ${offset} of ${quote(location)}`);
  if (length !== undefined && length !== tensor.byteSize)
    return wrong(
      "TensorSizeMismatch",
      `needs ${formatCount(tensor.byteSize)} bytes by its shape and type, but ${formatCount(length)} are said to be in ${quote(location)}`,
    );
  if (offset + tensor.byteSize > file.bytes)
    return wrong(
      "TensorBeyondEnd",
      `should end at byte ${formatCount(offset + tensor.byteSize)} of ${quote(location)}, which has ${formatCount(file.bytes)}`,
    );
  const { layout: _, ...plain } = tensor;
  return { ...plain, offset, fileIndex };
}
