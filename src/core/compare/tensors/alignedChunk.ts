import { maxShownNameLength } from "../../problem/limits";
import type { NameSeparator } from "../../tensors/nameOrder";
import { bytesInFiles, layoutText } from "../../tensors/tensor";
import { commonPrefixLength } from "../../text/commonPrefix";
import type { AlignedRow, Alignment, LayoutStatus } from "./alignTensors";
import { isTransposed } from "./diffPairs";

const layoutStatuses: readonly LayoutStatus[] = ["same layout", "added", "removed", "shape", "dtype"];

/** A run of aligned rows, packed so that 89,088 of them cross in messages well under 1 MB. */
export interface AlignedChunk {
  /** Index of the first row. */
  readonly first: number;
  /** Rows of the whole table. */
  readonly total: number;
  readonly columns: number;
  readonly separator: NameSeparator;
  /** Per row: how many UTF-16 units its name shares with the name before, and the rest of it. */
  readonly prefixLengths: Uint16Array;
  readonly suffixLengths: Uint16Array;
  readonly suffixes: string;
  /** Indexes into the statuses, per row. */
  readonly statuses: Uint8Array;
  /** What the rows refer to, e.g. "F32 [4096, 4096]". */
  readonly layouts: readonly string[];
  /** Rows × columns: index into `layouts` from 1 on; 0 where the snapshot lacks the tensor. */
  readonly layoutOf: Uint32Array;
  /** Bytes of the row's tensors together. */
  readonly bytes: Float64Array;
  readonly tied: readonly (readonly [row: number, name: string])[];
  readonly transposed: readonly number[];
  /** Index of the first row of the whole table that an optimizer keeps; what follows are its too. */
  readonly optimizerFrom?: number;
}

/** Rows of one chunk at most, and characters at which it ends early. */
const chunkRows = 8192;
const maxChunkCharacters = 400_000;

/** Packs the rows from `first` on, as many as fit. The next chunk begins at `first + statuses.length`. */
export function encodeAlignedChunk(
  { rows, separator }: Alignment,
  columns: number,
  first: number,
): AlignedChunk {
  const layouts = new Map<string, number>();
  const [prefixLengths, suffixes]: [number[], string[]] = [[], []];
  const layoutOf: number[] = [];
  const tied: (readonly [number, string])[] = [];
  const transposed: number[] = [];
  let [previous, characters, end] = ["", 0, first];
  for (; end < Math.min(rows.length, first + chunkRows) && characters < maxChunkCharacters; end++) {
    const row = rows[end] as AlignedRow;
    const name = row.name.slice(0, maxShownNameLength);
    const shared = commonPrefixLength(previous, name);
    prefixLengths.push(shared);
    suffixes.push(name.slice(shared));
    characters += name.length - shared;
    previous = name;
    for (const tensor of row.tensors) {
      const text = tensor === undefined ? undefined : layoutText(tensor);
      if (text !== undefined && !layouts.has(text)) {
        layouts.set(text, layouts.size + 1);
        characters += text.length;
      }
      layoutOf.push(text === undefined ? 0 : (layouts.get(text) as number));
    }
    if (row.tiedTo !== undefined) tied.push([end, row.tiedTo.slice(0, maxShownNameLength)]);
    if (isTurned(row)) transposed.push(end);
  }
  const packed = rows.slice(first, end);
  const optimizerFrom = rows.findIndex(({ part }) => part === "optimizer");
  return {
    first,
    total: rows.length,
    columns,
    separator,
    prefixLengths: Uint16Array.from(prefixLengths),
    suffixLengths: Uint16Array.from(suffixes, ({ length }) => length),
    suffixes: suffixes.join(""),
    statuses: Uint8Array.from(packed, ({ status }) => layoutStatuses.indexOf(status)),
    layouts: [...layouts.keys()],
    layoutOf: Uint32Array.from(layoutOf),
    bytes: Float64Array.from(packed, ({ tensors }) =>
      tensors.reduce((sum, tensor) => sum + (tensor === undefined ? 0 : bytesInFiles(tensor)), 0),
    ),
    tied,
    transposed,
    ...(optimizerFrom < 0 ? {} : { optimizerFrom }),
  };
}

/** A row as a page holds it. */
export interface ShownRow {
  readonly index: number;
  readonly name: string;
  readonly status: LayoutStatus;
  /** One for each column, e.g. "F32 [4096, 4096]"; null where the snapshot lacks the tensor. */
  readonly layouts: readonly (string | null)[];
  readonly bytes: number;
  readonly tiedTo?: string;
  readonly transposed?: true;
  /** Set for the state of an optimizer. */
  readonly part?: "optimizer";
}

export function decodeAlignedChunk(chunk: AlignedChunk): ShownRow[] {
  const tied = new Map(chunk.tied);
  const transposed = new Set(chunk.transposed);
  let [name, at] = ["", 0];
  return Array.from(chunk.statuses, (status, row) => {
    const suffixLength = chunk.suffixLengths[row] ?? 0;
    name = name.slice(0, chunk.prefixLengths[row]) + chunk.suffixes.slice(at, at + suffixLength);
    at += suffixLength;
    const index = chunk.first + row;
    const own = chunk.layoutOf.subarray(row * chunk.columns, (row + 1) * chunk.columns);
    const tiedTo = tied.get(index);
    return {
      index,
      name,
      status: layoutStatuses[status] ?? "same layout",
      layouts: Array.from(own, (layout) => (layout === 0 ? null : (chunk.layouts[layout - 1] ?? null))),
      bytes: chunk.bytes[row] ?? 0,
      ...(tiedTo === undefined ? {} : { tiedTo }),
      ...(transposed.has(index) ? { transposed: true as const } : {}),
      ...(index >= (chunk.optimizerFrom ?? chunk.total) ? { part: "optimizer" as const } : {}),
    };
  });
}

function isTurned({ tensors }: AlignedRow): boolean {
  const first = tensors.find((tensor) => tensor !== undefined);
  return tensors.some((tensor) => tensor && first && isTransposed(first.shape, tensor.shape));
}
