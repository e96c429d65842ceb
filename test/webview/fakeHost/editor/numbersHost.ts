import { layerOutliers, type ScannedTensor } from "../../../../src/core/analysis/layerOutliers";
import { measureTensor } from "../../../../src/core/analysis/measureTensor";
import { PlainKernels } from "../../../../src/core/analysis/plainKernels";
import type { ScanFindings } from "../../../../src/core/analysis/scanFindings";
import { packScanChunk, type ScanChunk } from "../../../../src/core/analysis/scanTable";
import { tensorFindings } from "../../../../src/core/analysis/tensorFindings";
import type { TensorNumbers } from "../../../../src/core/analysis/tensorNumbers";
import { piecePage } from "../../../../src/core/checkpoint/piecePage";
import { momentNumbers } from "../../../../src/core/optimizer/updateSize";
import { packedRows } from "../../../../src/core/tensors/packed/packedRows";
import { findPackedCodes, PackedWeights } from "../../../../src/core/tensors/packed/packedWeights";
import { readUnpacked, unpackedTensor } from "../../../../src/core/tensors/packed/unpackedTensor";
import type { ReadTensorRange } from "../../../../src/core/tensors/readTensorRange";
import { elementCount, type Tensor } from "../../../../src/core/tensors/tensor";
import { findNotFinite } from "../../../../src/core/values/findNotFinite";
import { heatMap } from "../../../../src/core/values/heatMap";
import { readBlock } from "../../../../src/core/values/readBlock";
import type { Handlers } from "../../../../src/protocol/channel";
import type { TensorPlace } from "../../../../src/protocol/numbersCalls";
import type { NumbersHostCalls, NumbersPageCalls, ScanState } from "../../../../src/protocol/numbersSurface";
import { someStatistics } from "../../../support/someStatistics";
import { waitUnlessAborted } from "../fakeChannel";
import type { EditorSample } from "./editorSample";
import { sampleBytes } from "./sampleValues";

export interface NumbersHostOptions {
  /** How long each block of values takes. */
  readonly valuesMs?: number;
  /** The first this many blocks cannot be read. */
  readonly failValues?: number;
  /** Between two chunks of a scan. */
  readonly scanMs?: number;
  /** Tensors in a chunk of a scan. Without it none can be begun. */
  readonly scanRows?: number;
  /** How long it takes to measure one tensor. */
  readonly measureMs?: number;
}

/** Answers about numbers with those of made-up tensors. */
export function numbersHost(
  options: NumbersHostOptions,
  sample: () => EditorSample,
  scanChanged: NumbersPageCalls["scanChanged"],
): Handlers<NumbersHostCalls> {
  let failures = options.failValues ?? 0;
  const scan = new FakeScan(options, sample, scanChanged);
  const tensorAt = ({ row, name }: TensorPlace) => {
    const tensor = sample().tensors[row];
    if (tensor?.name !== name) throw new Error(`Row ${row} is not ${name}.`);
    return tensor;
  };
  const packedOf = (tensor: Tensor) => new PackedWeights(sample().tensors, {}).of(tensor, readSample);
  const shownAt = async (place: TensorPlace) => {
    const tensor = tensorAt(place);
    const packed = place.unpacked === true ? await packedOf(tensor) : undefined;
    return packed === undefined ? tensor : unpackedTensor(tensor, packed);
  };
  return {
    pieces: ({ tensor, from }) => {
      const { state } = sample();
      const files = state.status === "ready" ? state.summary.files : [];
      return piecePage({ files }, tensorAt(tensor), from);
    },
    packedWeight: async ({ tensor }) => {
      const packed = await packedOf(tensorAt(tensor));
      return packed && { scheme: packed.scheme, shape: packed.shape, storedBytes: 4096 };
    },
    packedRows: async () =>
      packedRows(sample().tensors, await findPackedCodes(sample().tensors, {}, readSample)),
    values: async ({ tensor, slice, block }, signal) => {
      await waitUnlessAborted(options.valuesMs ?? 0, signal);
      if (failures > 0) {
        failures--;
        throw new Error("The file ended at byte 4,096 while it was being read.");
      }
      return readBlock(await shownAt(tensor), slice, block, readSample);
    },
    heatMap: async ({ tensor, slice, part }, signal) =>
      heatMap(await shownAt(tensor), slice, part, readSample, () => {}, signal),
    findNotFinite: async ({ tensor, from }) => findNotFinite(await shownAt(tensor), from, readSample),
    tensorNumbers: async ({ tensor }, signal, tell) => {
      const found = tensorAt(tensor);
      tell.progress(found.byteSize / 4, found.byteSize);
      await waitUnlessAborted(options.measureMs ?? 0, signal);
      return measured(found);
    },
    moments: ({ optimizer, parameter }) => {
      const state = sample().optimizers?.[optimizer];
      return state === undefined
        ? undefined
        : momentNumbers(state, parameter, async (read, offset, length) => sampleBytes(read, offset, length));
    },
    scanState: () => scan.state,
    scanChunk: ({ id, chunk }) => (id === scan.state.id ? scan.made?.chunks[chunk] : undefined),
    startScan: () => scan.start(),
    readScan: () => {},
    cancelScan: () => scan.end({ status: "cancelled" }),
  };
}

const readSample: ReadTensorRange = async (tensor, offset, length) =>
  tensor.packed === undefined
    ? sampleBytes(tensor, offset, length)
    : readUnpacked(tensor.packed, offset, length, readSample);

/** Of the first megabyte: nobody waits for 131 million made-up values. */
function measured(tensor: Tensor): Promise<TensorNumbers | undefined> {
  const rows = tensor.shape[0] ?? 1;
  const fewer = Math.max(1, Math.min(rows, Math.floor((rows * 1e6) / Math.max(1, tensor.byteSize))));
  const part =
    tensor.shape.length === 0
      ? tensor
      : {
          ...tensor,
          shape: [fewer, ...tensor.shape.slice(1)],
          byteSize: (tensor.byteSize / rows) * fewer,
        };
  return measureTensor(
    part,
    async (read, offset, length) => sampleBytes(read, offset, length),
    new PlainKernels(),
  );
}

interface MadeUpScan {
  readonly chunks: readonly ScanChunk[];
  readonly findings: ScanFindings;
  readonly totalBytes: number;
}

/** The extension computes in another process; here it is done before anything is timed. */
function madeUpScan(tensors: readonly Tensor[], rowsAtOnce: number): MadeUpScan {
  const all = tensors.map((tensor, row) => ({ row, numbers: madeUp(tensor) }));
  const scanned = tensors.map((tensor, row): ScannedTensor => {
    return { ...tensor, row, statistics: madeUp(tensor).statistics };
  });
  const outliers = layerOutliers(scanned);
  const totalBytes = tensors.reduce((sum, { byteSize }) => sum + byteSize, 0);
  return {
    chunks: Array.from({ length: Math.ceil(all.length / rowsAtOnce) }, (_, at) =>
      packScanChunk(all.slice(at * rowsAtOnce, (at + 1) * rowsAtOnce)),
    ),
    findings: {
      problems: scanned.flatMap(tensorFindings).slice(0, 200),
      outliers: outliers.slice(0, 1000),
      outlierCount: outliers.length,
      measured: all.length,
      bytes: totalBytes,
      packed: 0,
      ofCodes: false,
    },
    totalBytes,
  };
}

class FakeScan {
  state: ScanState = { id: 0, status: "none", doneBytes: 0, totalBytes: 0, elapsedMs: 0, chunks: 0 };
  readonly made: MadeUpScan | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly options: NumbersHostOptions,
    sample: () => EditorSample,
    private readonly tell: (state: ScanState) => void,
  ) {
    this.made = options.scanRows === undefined ? undefined : madeUpScan(sample().tensors, options.scanRows);
  }

  start(): void {
    const { made } = this;
    if (made === undefined) return;
    const { totalBytes, chunks, findings } = made;
    const id = this.state.id + 1;
    this.set({ id, status: "running", doneBytes: 0, totalBytes, elapsedMs: 0, chunks: 0 });
    this.timer = setInterval(() => {
      const told = this.state.chunks + 1;
      this.state = {
        ...this.state,
        doneBytes: (totalBytes * told) / chunks.length,
        elapsedMs: this.state.elapsedMs + 1000,
        chunks: told,
      };
      if (told < chunks.length) this.set(this.state);
      else this.end({ status: "done", findings });
    }, this.options.scanMs ?? 20);
  }

  end(outcome: Pick<ScanState, "status" | "findings">): void {
    clearInterval(this.timer);
    this.set({ ...this.state, ...outcome });
  }

  private set(state: ScanState): void {
    this.state = state;
    this.tell(state);
  }
}

/** Statistics that follow from the name: some NaN where it says "broken", and a layer that stands out. */
function madeUp({ name, shape }: Tensor): TensorNumbers {
  let hash = 7;
  for (let at = 0; at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) % 1_000_003;
  const share = hash / 1_000_003;
  const std = 0.02 * (1 + 0.2 * share) * (name.includes("layers.17.mlp.up_proj") ? 40 : 1);
  const absMax = std * (4 + share);
  const count = elementCount(shape);
  return {
    statistics: someStatistics({
      min: -absMax,
      max: absMax * 0.97,
      mean: (share - 0.5) * 0.001,
      std,
      absMax,
      l2: std * Math.sqrt(count),
      zeros: hash % 5 === 0 ? hash % 97 : 0,
      nan: name.includes("broken") || name.includes("layers.3.self_attn.q_proj") ? 1 : 0,
    }),
  };
}
