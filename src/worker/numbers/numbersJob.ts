import type { EncodingKey } from "../../core/analysis/numberEncoding";
import type { PartialDifference } from "../../core/analysis/tensorDifference";
import type { PartialNumbers } from "../../core/analysis/tensorMeasurer";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import type { PiecePlace } from "../../core/tensors/assembly";
import type { PackingHints, WeightMaking } from "../../core/tensors/packed/packedWeight";
import type { Tensor } from "../../core/tensors/tensor";
import type { MadeFactors } from "../../core/transform/factorQueue";
import type { HeatBand, HeatCells, HeatPlan } from "../../core/values/heatMap";
import type { TensorSlice } from "../../core/values/tensorSlice";
import type { FactorsJob, UpdateResult, UpdatesJob } from "../updates/updatesJob";

/** Work for one thread. */
export type Job = BytesJob | UpdatesJob | FactorsJob;

/** Work on the bytes of files. */
export type BytesJob = MeasureJob | CompareJob | UnpackJob | HeatJob;

/** Ranges of one file, or of tensors that are joined from several, which are measured one after the other. */
export interface MeasureJob {
  readonly kind: "measure";
  readonly paths: readonly string[];
  readonly control: JobControl;
  readonly pieces: readonly Piece[];
}

/** Ranges of two tensors that are compared one after the other. */
export interface CompareJob {
  readonly kind: "compare";
  /** Of the files of both. */
  readonly paths: readonly string[];
  readonly control: JobControl;
  readonly pieces: readonly PairPiece[];
}

/** Packed weights, or rows of them, that are measured one after the other as the values that they stand for. */
export interface UnpackJob {
  readonly kind: "unpack";
  readonly paths: readonly string[];
  readonly control: JobControl;
  readonly hints: PackingHints;
  readonly pieces: readonly PackedPiece[];
}

/** Bands of the picture of a slice; the bytes that are told of are its values. */
export interface HeatJob {
  readonly kind: "heat";
  readonly paths: readonly [string];
  readonly control: JobControl;
  /** Its bytes lie plainly in the only file. */
  readonly tensor: Tensor;
  readonly slice: TensorSlice;
  readonly plan: HeatPlan;
  readonly pieces: readonly HeatBand[];
}

/** Rows of a packed weight. */
export interface PackedPiece {
  /** The codes first. Plain bytes: `fileIndex` is into the job's paths. */
  readonly stored: readonly Tensor[];
  readonly firstRow: number;
  readonly rows: number;
  /** Of what is stored, as far as it is told of when these rows are done. */
  readonly bytes: number;
  readonly isWhole: boolean;
}

/** As many values of two tensors, contiguous and little-endian. */
export interface PairPiece {
  readonly sides: readonly [a: PairSide, b: PairSide];
  readonly encodings: readonly [a: EncodingKey, b: EncodingKey];
  /** The parts of complex numbers counted one by one. */
  readonly values: number;
  /** Of a packed side: values of a row, which is unpacked whole. */
  readonly columns?: number;
}

/** Where the values of one side begin. */
export interface PairSide {
  /** In the file; with `joined` in the bytes of that tensor, with `packed` in those of the weight as F32. */
  readonly offset: number;
  /** Index into the job's paths; of no meaning with `joined` or `packed`. */
  readonly file: number;
  readonly joined?: JoinedTensor;
  readonly packed?: PackedSide;
}

/** A packed weight, some rows of which are compared. */
export interface PackedSide {
  /** As in `PackedPiece`. */
  readonly stored: readonly Tensor[];
  readonly madeBy: WeightMaking;
  /** As in `PackedPiece`. */
  readonly bytes: number;
}

/** A range of a file, or of a joined tensor, that holds values of one dtype, contiguous and little-endian. */
export interface Piece {
  /** In the job's only file; with `joined` in the bytes of that tensor. */
  readonly offset: number;
  readonly joined?: JoinedTensor;
  readonly length: number;
  /** Undefined where the bytes are only hashed. */
  readonly encoding: EncodingKey | undefined;
  /** Codes of the last byte that belong to no value. */
  readonly padding: number;
  /** It is a whole tensor, so its numbers can be finished at once. */
  readonly isWhole: boolean;
  readonly hash: boolean;
}

/** A tensor whose bytes lie in several places. */
export interface JoinedTensor {
  readonly shape: readonly number[];
  readonly elementBytes: number;
  /** In the order of their first elements. */
  readonly parts: readonly JoinedPart[];
  /** Nobody has looked whether parts overlap. */
  readonly mayOverlap: boolean;
}

export interface JoinedPart {
  /** Index into the job's paths. */
  readonly file: number;
  readonly offset: number;
  readonly place: PiecePlace;
}

/** Memory that all threads see, because a thread that is busy reads no messages. */
export class JobControl {
  private constructor(readonly memory: SharedArrayBuffer) {}

  static create(): JobControl {
    return new JobControl(new SharedArrayBuffer(16));
  }

  /** The same memory on the other side of a message. */
  static over(memory: SharedArrayBuffer): JobControl {
    return new JobControl(memory);
  }

  cancel(): void {
    Atomics.store(new Int32Array(this.memory, 0, 1), 0, 1);
  }

  get isCancelled(): boolean {
    return Atomics.load(new Int32Array(this.memory, 0, 1), 0) === 1;
  }

  addBytes(count: number): void {
    Atomics.add(new BigInt64Array(this.memory, 8, 1), 0, BigInt(count));
  }

  get bytes(): number {
    return Number(Atomics.load(new BigInt64Array(this.memory, 8, 1), 0));
  }
}

export interface PieceResult {
  /** Of a whole tensor. */
  readonly numbers?: TensorNumbers;
  /** Of a part of one. */
  readonly partial?: PartialNumbers;
  /** Lower-case hexadecimal. */
  readonly sha256?: string;
  /** Why the bytes could not be read. */
  readonly failure?: string;
}

export interface PairPieceResult {
  readonly partial?: PartialDifference;
  readonly failure?: string;
}

export interface HeatBandResult {
  readonly cells?: HeatCells;
  readonly failure?: string;
}

/** One for each piece; fewer where the job was cancelled. */
export type ResultsOf<J extends Job> = readonly (J extends CompareJob
  ? PairPieceResult
  : J extends UpdatesJob
    ? UpdateResult
    : J extends HeatJob
      ? HeatBandResult
      : J extends FactorsJob
        ? MadeFactors
        : PieceResult)[];

/** A message to a thread: the control is made anew over its memory there. */
export interface JobMessage {
  readonly id: number;
  readonly job:
    | Omit<MeasureJob, "control">
    | Omit<CompareJob, "control">
    | Omit<UnpackJob, "control">
    | Omit<HeatJob, "control">
    | Omit<UpdatesJob, "control">
    | Omit<FactorsJob, "control">;
  readonly control: SharedArrayBuffer;
}

export interface JobAnswer {
  readonly id: number;
  readonly results?: readonly (PieceResult | PairPieceResult | HeatBandResult | UpdateResult | MadeFactors)[];
  readonly error?: string;
}
