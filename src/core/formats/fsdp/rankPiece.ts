import type { OpenByteSource } from "../../bytes/byteSource";
import type { Problem } from "../../problem/problem";
import { describePlace } from "../../tensors/assembly";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import type { ContentValue } from "../contentValue";
import type { ReadFileResult } from "../readFile";
import { readRankEntries } from "./readRankState";

/** Classes of tensors of which a process has but a part. */
const partClass = /(?:^|\.)(?:DTensor|ShardedTensor)$/;

/**
 * One rank's file by itself: its parts under the names of the tensors they are of, and nothing of what describes them,
 * such as the mesh of processes. The file itself where it holds no parts. `rank` is undefined where the name of the file
 * does not tell that it is one of many; the parts do so then.
 */
export async function readRankPiece(
  parsed: ReadFileResult,
  source: OpenByteSource,
  rank: number | undefined,
  signal?: AbortSignal,
): Promise<ReadFileResult> {
  if (parsed.content === undefined) return parsed;
  if (rank === undefined && parsed.imports?.some(({ global }) => partClass.test(global)) !== true)
    return parsed;
  const entries = await readRankEntries(parsed, source, rank, signal);
  const tensors: Tensor[] = [];
  const byObject = new Map<ContentValue, Tensor>();
  let here = 0;
  let whole = 0;
  let parts = 0;
  let example = "";
  const add = (tensor: Tensor, value: ContentValue) => {
    tensors.push(tensor);
    if (!byObject.has(value)) byObject.set(value, tensor);
    here += elementCount(tensor.shape);
  };
  for (const [name, { sharded, tensor, value }] of entries) {
    if (tensor !== undefined) {
      whole += elementCount(tensor.shape);
      add({ ...tensor, name }, value);
    } else if (sharded !== undefined) {
      whole += elementCount(sharded.shape);
      parts++;
      for (const [at, { offsets, sizes, local }] of sharded.boxes.entries()) {
        const place = describePlace({ kind: "box", offsets, sizes }, sharded.shape);
        if (example === "") example = `${name} is ${place} of [${sharded.shape.join(", ")}]`;
        add({ ...local, name: at === 0 ? name : `${name}#${at}` }, value);
      }
    }
  }
  // A single process has all of each tensor.
  if (parts === 0 || (rank === undefined && here === whole)) return parsed;
  const where =
    rank === undefined
      ? "The rest is in the files of the other processes, which their names do not tell here."
      : "Open the folder for the whole.";
  const message =
    `The file holds what ${rank === undefined ? "one process" : `rank ${rank}`} held of each tensor: ` +
    `${formatCount(here)} of ${formatCount(whole)} values` +
    `${example === "" ? "" : ` (${example.slice(0, 300)})`}. ${where}`;
  const problem: Problem = { severity: rank === undefined ? "warning" : "info", code: "OneRank", message };
  if (rank === undefined && here === 0) return { ...parsed, problems: [...parsed.problems, problem] };
  return {
    ...parsed,
    tensors,
    content: { ...parsed.content, tensors: byObject },
    problems: [...parsed.problems.filter(({ code }) => code !== "TensorWithoutBytes"), problem],
  };
}
