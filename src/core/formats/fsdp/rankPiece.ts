import type { OpenByteSource } from "../../bytes/byteSource";
import type { Problem } from "../../problem/problem";
import { describePlace } from "../../tensors/assembly";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import type { ContentValue } from "../contentValue";
import type { ReadFileResult } from "../readFile";
import { readRankEntries } from "./readRankState";

/**
 * One rank's file by itself: its parts under the names of the tensors they are of, and nothing of what describes them,
 * such as the mesh of processes.
 */
export async function readRankPiece(
  parsed: ReadFileResult,
  source: OpenByteSource,
  rank: number,
  signal?: AbortSignal,
): Promise<ReadFileResult> {
  if (parsed.content === undefined) return parsed;
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
  if (parts === 0) return parsed;
  const message =
    `The file holds what rank ${rank} held of each tensor: ${formatCount(here)} of ${formatCount(whole)} values` +
    `${example === "" ? "" : ` (${example.slice(0, 300)})`}. Open the folder for the whole.`;
  const problem: Problem = { severity: "info", code: "OneRank", message };
  return {
    ...parsed,
    tensors,
    content: { ...parsed.content, tensors: byObject },
    problems: [...parsed.problems.filter(({ code }) => code !== "TensorWithoutBytes"), problem],
  };
}
