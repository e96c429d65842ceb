import type { TensorDifference } from "../../../../src/core/analysis/tensorDifference";
import type { CompareTensorRow } from "../../../../src/core/compare/compareView";
import { encodeAlignedChunk } from "../../../../src/core/compare/tensors/alignedChunk";
import type { AlignedRow, Alignment } from "../../../../src/core/compare/tensors/alignTensors";
import { diffPairs } from "../../../../src/core/compare/tensors/diffPairs";
import { DiffTable, diffNumbers } from "../../../../src/core/compare/tensors/diffTable";
import { compareNames } from "../../../../src/core/tensors/nameOrder";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import type { Handlers } from "../../../../src/protocol/channel";
import type { DiffHostCalls, DiffState } from "../../../../src/protocol/diffSurface";

export interface FakeDiffOptions {
  readonly columns: () => number;
  readonly alignment: () => Alignment | Promise<Alignment>;
  /** Undefined where there is nothing to compare. */
  readonly difference: (row: number, pair: number) => TensorDifference | undefined;
  readonly notify: (state: DiffState) => void;
  /** Rows are told of in so many steps, and the last is never reached where it `stalls`. */
  readonly steps?: number;
  readonly stalls?: boolean;
  readonly fails?: string | undefined;
}

const bytesEach = 16_777_216;

/** Compares the values of tensors that do not exist, as the extension would. */
export function fakeDiff(options: FakeDiffOptions): Handlers<DiffHostCalls> {
  const { steps = 4 } = options;
  let table: DiffTable | undefined;
  let state: DiffState = {
    id: 1,
    status: "none",
    doneBytes: 0,
    totalBytes: 0,
    elapsedMs: 0,
    problems: [],
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const change = (part: Partial<DiffState>) => {
    state = { ...state, ...part };
    options.notify(state);
  };
  const run = async () => {
    const { rows } = await options.alignment();
    const known = table ?? new DiffTable(rows.length, diffPairs(options.columns()));
    table = known;
    const totalBytes = rows.length * bytesEach * 2;
    let step = 0;
    const next = () => {
      if (options.fails !== undefined) {
        change({ id: state.id + 1, status: "failed", message: options.fails });
        return;
      }
      const [from, to] = [step, step + 1].map((at) => Math.floor((at * rows.length) / steps)) as [
        number,
        number,
      ];
      for (let row = from; row < to; row++) {
        for (const [pair, { a, b }] of known.pairs.entries()) {
          if (rows[row]?.tensors[a] === undefined || rows[row]?.tensors[b] === undefined) continue;
          const difference = rows[row]?.status === "shape" ? undefined : options.difference(row, pair);
          if (difference !== undefined) known.set(row, pair, "compared", diffNumbers(difference));
        }
      }
      step++;
      const doneBytes = Math.floor((totalBytes * step) / steps);
      if (step === steps) change({ status: "done", doneBytes, totalBytes, elapsedMs: 8200 });
      else {
        change({ status: "running", doneBytes, totalBytes, elapsedMs: 2100 * step });
        if (!(options.stalls === true && step === steps - 1)) timer = setTimeout(next, 30);
      }
    };
    change({ status: "running", totalBytes });
    timer = setTimeout(next, 10);
  };
  return {
    alignedRows: async ({ first }) => encodeAlignedChunk(await options.alignment(), options.columns(), first),
    diffState: () => state,
    startDiff: () => void run(),
    stopDiff: () => {
      clearTimeout(timer);
      change({ status: "stopped" });
    },
    diffEntries: ({ id, first }) => (id === state.id ? table?.chunk(first) : undefined),
    diffDetail: ({ row, pair }) => ({
      difference: options.difference(row, pair),
      firstChanges:
        (options.difference(row, pair)?.changedShare ?? 0) > 0
          ? [
              { index: [0, 17], a: 0.0123, b: 0.0125 },
              { index: [3, 2047], a: -0.5, b: Number.NaN },
            ]
          : [],
    }),
  };
}

/** Aligned rows of tensors as a sample words them, e.g. "F32 [2048, 2048]". */
export function alignmentOf(rows: readonly CompareTensorRow[], states = 0): Alignment {
  const kept = Array.from({ length: states }, (_, at): AlignedRow => {
    const name = `optimizer.state.layers.${at}.exp_avg`;
    const tensor = tensorOf(name, "F32 [2048, 2048]");
    return { name, status: "same layout", tensors: [tensor, tensor], part: "optimizer" };
  });
  return {
    separator: ".",
    aligned: [],
    problems: [],
    rows: rows
      .map(
        ({ name, cells, status }): AlignedRow => ({
          name,
          status,
          tensors: cells.map((cell) => (cell === null ? undefined : tensorOf(name, cell))),
        }),
      )
      .sort((a, b) => compareNames(a.name, b.name, "."))
      .concat(kept),
  };
}

function tensorOf(name: string, cell: string): Tensor {
  const [dtype = "", shape = ""] = cell.split(" [");
  return {
    name,
    dtype,
    shape: shape
      .split(/[\],]/)
      .filter((size) => size.trim() !== "")
      .map(Number),
    byteSize: bytesEach,
    offset: 0,
    fileIndex: 0,
  };
}

/** A made-up difference that grows with the layer, none at all in most norms, and new NaN in one tensor. */
export function madeUpDifference(name: string, pair: number): TensorDifference {
  const layer = Number(/layers\.(\d+)/.exec(name)?.[1] ?? 0);
  const part = Number(/part_(\d+)/.exec(name)?.[1] ?? 0);
  const isEqual = part === 7 || layer === 0;
  const relativeL2 = isEqual ? 0 : (pair + 1) * 0.0004 * (layer + 1) * (1 + part);
  const normA = 40 + part;
  return {
    elements: 4_194_304,
    compared: 4_194_304,
    maxAbs: isEqual ? 0 : relativeL2 * 0.7,
    meanAbs: relativeL2 * 0.01,
    relativeL2,
    cosine: 1 - relativeL2 ** 2 / 2,
    normA,
    normDifference: relativeL2 * normA,
    changedShare: isEqual ? 0 : Math.min(1, 0.1 + layer / 30),
    nanMismatches: name.includes("layers.4.part_3") ? 3 : 0,
    histogram: {
      from: -relativeL2,
      to: relativeL2 + 1e-9,
      counts: Float64Array.from({ length: 128 }, (_, bin) =>
        Math.round(400_000 * Math.exp(-(((bin - 64) / 9) ** 2))),
      ),
    },
  };
}
