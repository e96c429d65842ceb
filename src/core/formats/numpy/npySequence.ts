import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxListedProblems } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import type { Tensor } from "../../tensors/tensor";
import { formatBytes, formatCount } from "../../text/quantities";
import { isNpy, type NpyHeader, npyDataStart, npyHeadBytes, parseNpyHeader } from "./npyHeader";
import { npyTensor } from "./npyTensor";

/** Headers of small arrays lie close together: several come with one read. */
const windowBytes = 65_536;

export interface NpySequence {
  readonly tensors: readonly Tensor[];
  readonly problems: readonly Problem[];
}

/**
 * The arrays that follow a first one in the same file, each with a header of its own: what `numpy.save` writes that is
 * called again and again on one open file, as Equinox's `tree_serialise_leaves` does for the leaves of a tree. They
 * have no names and are numbered, the first one too.
 * @param start of the first array, of which `first` is the header
 */
export async function readNpySequence(
  source: ByteSource,
  start: number,
  first: NpyHeader,
  signal?: AbortSignal,
): Promise<NpySequence> {
  const tensors: Tensor[] = [];
  const problems = new ProblemList(maxListedProblems);
  let header: NpyHeader | undefined = first;
  let at = start;
  let held: { from: number; bytes: Uint8Array } = { from: 0, bytes: new Uint8Array() };
  const bytesAt = async (offset: number, length: number): Promise<Uint8Array> => {
    const there = Math.min(length, source.size - offset);
    if (offset < held.from || offset + there > held.from + held.bytes.length)
      held = {
        from: offset,
        bytes: await source.read(
          offset,
          Math.min(Math.max(windowBytes, there), source.size - offset),
          signal,
        ),
      };
    return held.bytes.subarray(offset - held.from, offset - held.from + there);
  };
  while (header !== undefined) {
    if (tensors.length >= maxCollectedTensors) {
      const message = `The file has more than ${formatCount(maxCollectedTensors)} arrays, which are not read.`;
      throw new CheckpointError("TooManyTensors", message, at);
    }
    // Not the rest of the file: an array that is cut has no other behind it.
    const region = new FileRegion(at, source.size - at);
    const read = npyTensor(String(tensors.length), header, region);
    tensors.push(read.tensor);
    for (const problem of read.problems) problems.add(problem);
    if (header.isPickled) break;
    at += header.dataStart + read.tensor.byteSize;
    header = undefined;
    if (at >= source.size) break;
    const head = await bytesAt(at, npyHeadBytes);
    if (!isNpy(head)) {
      problems.add(behind(source.size - at, at));
      break;
    }
    try {
      header = parseNpyHeader(await bytesAt(at, Math.max(npyHeadBytes, npyDataStart(head) ?? 0)));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      problems.add({ severity: "error", code: error.code, message: error.message, offset: at });
    }
  }
  return { tensors, problems: [...told(tensors), ...problems.toArray()] };
}

function behind(count: number, offset: number): Problem {
  const message = `${formatBytes(count)} follow the last array, and are none.`;
  return { severity: "info", code: "TrailingBytes", message, offset };
}

function told({ length }: readonly Tensor[]): readonly Problem[] {
  if (length < 2) return [];
  const message = `${formatCount(length)} arrays lie one behind the other without names, as Equinox's tree_serialise_leaves and repeated numpy.save write them; they are numbered here. numpy.load of the file's name reads the first alone.`;
  return [{ severity: "info", code: "ArraysInARow", message }];
}
