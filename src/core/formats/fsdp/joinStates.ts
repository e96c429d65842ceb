import { FileRegion } from "../../bytes/byteRegion";
import { maxListedProblems } from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import { assemble, type TensorPiece, unreadablePart } from "../../tensors/assembly";
import { dtypeBits } from "../../tensors/dtype";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import type { StateEntry } from "../dcp/stateTree";
import type { RankGroup } from "./rankFiles";
import type { RankEntry, RankState } from "./readRankState";

/** What the files of all ranks are together. */
export interface JoinedStates {
  /** With `fileIndex` into `files`. */
  readonly entries: readonly StateEntry[];
  readonly files: readonly CheckpointFile[];
  readonly worldSize: number;
  readonly problems: ProblemList;
}

/** Files of ranks that are not there are listed up to here. */
const maxMissing = 10_000;

/**
 * Puts the state dicts of all ranks together: two ranks' parts of one tensor are one tensor, and what every rank holds
 * whole is taken from the first.
 */
export function joinStates(
  group: RankGroup,
  ranks: readonly RankState[],
  folder: (name: string) => string,
): JoinedStates {
  const problems = new ProblemList(maxListedProblems);
  for (const rank of ranks)
    for (const problem of rank.problems) problems.add({ file: rank.path, ...problem });
  const worldSize = Math.min(maxMissing, worldSizeOf(group, ranks));
  const files: CheckpointFile[] = ranks.map(({ name, path, bytes, rank, entries }) => ({
    name,
    path,
    bytes,
    status: entries === undefined ? "broken" : "ok",
    rank: `rank ${rank}`,
  }));
  const fileOf = new Map(ranks.map(({ rank }, index) => [rank, index]));
  for (let rank = 0; rank < worldSize; rank++) {
    if (fileOf.has(rank)) continue;
    const name = group.nameOf(rank);
    fileOf.set(
      rank,
      files.push({ name, path: folder(name), bytes: 0, status: "missing", rank: `rank ${rank}` }) - 1,
    );
  }
  const names = new Map<string, readonly (string | number)[]>();
  for (const { entries } of ranks)
    for (const [name, { path }] of entries ?? []) if (!names.has(name)) names.set(name, path);
  const joining = new Joining(ranks, files, fileOf, problems);
  const entries = [...names].map(([name, path]) => joining.join(name, path));
  joining.reportFiles(entries);
  return { entries, files, worldSize, problems };
}

/** As the names say, or the largest mesh that a tensor is spread over. */
function worldSizeOf({ worldSize, files }: RankGroup, ranks: readonly RankState[]): number {
  let most = worldSize ?? 0;
  for (const { entries } of ranks) {
    for (const { sharded } of entries?.values() ?? []) {
      for (const { rank } of sharded?.all ?? []) most = Math.max(most, (rank ?? 0) + 1);
    }
  }
  return Math.max(most, ...files.map(({ rank }) => rank + 1));
}

class Joining {
  constructor(
    private readonly ranks: readonly RankState[],
    private readonly files: readonly CheckpointFile[],
    private readonly fileOf: ReadonlyMap<number, number>,
    private readonly problems: ProblemList,
  ) {}

  join(name: string, path: readonly (string | number)[]): StateEntry {
    const held = this.ranks.flatMap((rank, index) => {
      const entry = rank.entries?.get(name);
      return entry === undefined ? [] : [{ rank, index, entry }];
    });
    const sharded = held.filter(({ entry }) => entry.sharded !== undefined);
    if (sharded.length > 0) return { name, path, tensor: this.joinParts(name, sharded) };
    const [first] = held;
    if (first?.entry.tensor === undefined) return { name, path, value: first?.entry.value ?? null };
    if (isFlatParameter(name, held)) return { name, path, tensor: this.joinFlat(name, held) };
    this.checkAlike(name, held);
    return { name, path, tensor: { ...first.entry.tensor, name, fileIndex: first.index } };
  }

  /** One sentence for each file that is not there, with how many tensors it takes along. */
  reportFiles(entries: readonly StateEntry[]): void {
    const hit = new Map<number, number>();
    for (const { tensor } of entries) {
      const touched = new Set(
        (tensor?.assembly?.pieces ?? []).flatMap(({ absent, fileIndex }) =>
          absent === undefined ? [] : [fileIndex],
        ),
      );
      for (const index of touched) hit.set(index, (hit.get(index) ?? 0) + 1);
    }
    for (const [index, { name, path, status, rank }] of this.files.entries()) {
      if (status !== "missing") continue;
      const count = hit.get(index) ?? 0;
      const taken =
        count > 0
          ? `${plural(count, "tensor")} cannot be read whole`
          : "other ranks hold all tensors that are known, but what it alone held is lost";
      const message = `${name}, the file of ${rank}, is missing: ${taken}.`;
      this.problems.add({
        severity: "error",
        code: "MissingShard",
        message,
        file: path,
      });
    }
    for (const { tensor, name } of entries) {
      const isOfFile = tensor?.assembly?.pieces.some(
        ({ absent, fileIndex }) => absent !== undefined && this.files[fileIndex]?.status !== "ok",
      );
      const reason = tensor === undefined || isOfFile === true ? undefined : unreadablePart(tensor);
      if (reason === undefined) continue;
      const message = `${quote(name.slice(0, 200))} cannot be read whole: ${reason}`;
      this.problems.addLazily("PartlyReadable", () => ({
        severity: "error",
        code: "PartlyReadable",
        message,
        tensor: name,
      }));
    }
  }

  private joinParts(name: string, held: readonly Held[]): Tensor {
    const [first] = held as [Held, ...Held[]];
    const { shape, all } = first.entry.sharded as NonNullable<RankEntry["sharded"]>;
    const known = new Map<string, TensorPiece>();
    let dtype: string | undefined;
    let fault: string | undefined;
    for (const { index, entry, rank } of held) {
      const part = entry.sharded as NonNullable<RankEntry["sharded"]>;
      fault ??= part.fault;
      if (part.shape.join() !== shape.join()) {
        fault ??= `rank ${rank.rank} holds a part of [${part.shape.join(", ")}], rank ${first.rank.rank} of [${shape.join(", ")}]`;
      }
      for (const { offsets, sizes, local } of part.boxes) {
        dtype ??= local.dtype;
        if (local.dtype !== dtype) fault ??= `its parts are of ${dtype} and of ${local.dtype}`;
        // Ranks that replicate each other hold the same box.
        const key = `${offsets.join()}|${sizes.join()}`;
        if (!known.has(key)) known.set(key, pieceOfTensor(local, index, { kind: "box", offsets, sizes }));
      }
    }
    for (const { offsets, sizes, rank } of all) {
      const key = `${offsets.join()}|${sizes.join()}`;
      if (known.has(key) || sizes.includes(0)) continue;
      const fileIndex = (rank === undefined ? undefined : this.fileOf.get(rank)) ?? first.index;
      const file = this.files[fileIndex];
      const absent =
        file?.status === "missing"
          ? `${file.name} is missing`
          : file?.status === "broken"
            ? `${file.name} cannot be read`
            : `rank ${rank ?? "?"} holds no part of it`;
      known.set(key, {
        place: { kind: "box", offsets, sizes },
        fileIndex,
        region: new FileRegion(0, 0),
        start: 0,
        absent,
      });
    }
    const assembly = assemble(shape, [...known.values()]);
    return assembled(name, dtype ?? "?", shape, fault === undefined ? assembly : { ...assembly, fault });
  }

  /**
   * FSDP of one rank's shape keeps the parameters of a module in a row (`flat_param`), cut into as many equal parts as
   * there are ranks; how they divide into parameters is not in the files.
   */
  private joinFlat(name: string, held: readonly Held[]): Tensor {
    const parts = held.map(({ entry, index }) => ({ tensor: entry.tensor as Tensor, index }));
    const each = parts[0]?.tensor.shape[0] ?? 0;
    const pieces = parts.map(({ tensor, index }, at) =>
      pieceOfTensor(tensor, index, { kind: "flat", first: at * each, count: each }),
    );
    const message =
      "Flat parameters hold all parameters of a module in a row, padded to a multiple of the number of ranks. Which " +
      "parameters these are is not in the files: they are shown in one row, in the order of the ranks.";
    if (!this.problems.has("FlatParameters")) {
      this.problems.add({ severity: "warning", code: "FlatParameters", message });
    }
    const shape = [each * parts.length];
    return assembled(name, parts[0]?.tensor.dtype ?? "?", shape, assemble(shape, pieces));
  }

  /** What is no part of a tensor should be the same on every rank; that it is shows only in its values. */
  private checkAlike(name: string, held: readonly Held[]): void {
    const [first] = held;
    const other = held.find(({ entry }) => layoutOf(entry) !== layoutOf(first?.entry));
    if (first === undefined || other === undefined) return;
    this.problems.addLazily("RanksDiffer", () => ({
      severity: "warning",
      code: "RanksDiffer",
      message: `${quote(name.slice(0, 200))} is ${layoutOf(first.entry)} in ${first.rank.name}, but ${layoutOf(other.entry)} in ${other.rank.name}. That of the first is shown.`,
      tensor: name,
    }));
  }
}

interface Held {
  readonly rank: RankState;
  readonly index: number;
  readonly entry: RankEntry;
}

function layoutOf(entry: RankEntry | undefined): string {
  return entry?.tensor === undefined
    ? "no tensor"
    : `${entry.tensor.dtype} [${entry.tensor.shape.join(", ")}]`;
}

function isFlatParameter(name: string, held: readonly Held[]): boolean {
  const size = held[0]?.entry.tensor?.shape[0];
  return (
    /(?:^|\.)_?flat_param(?:_\d+)?$/.test(name) &&
    held.length > 1 &&
    held.every(({ entry }) => entry.tensor?.shape.length === 1 && entry.tensor.shape[0] === size)
  );
}

function assembled(
  name: string,
  dtype: string,
  shape: readonly number[],
  assembly: NonNullable<Tensor["assembly"]>,
): Tensor {
  const [first] = assembly.pieces;
  const bits = dtypeBits.get(dtype) ?? 0;
  return {
    name,
    dtype,
    shape,
    byteSize: (elementCount(shape) * bits) / 8,
    offset: first?.region.fileOffset ?? 0,
    fileIndex: first?.fileIndex ?? 0,
    assembly,
  };
}
