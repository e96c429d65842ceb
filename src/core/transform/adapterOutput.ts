import type { ReadRange } from "../analysis/tensorStatistics";
import type { WritableDtype } from "../tensors/encode";
import type { Tensor } from "../tensors/tensor";
import type { PlainFactors } from "../update/truncatedFactors";

/** One module of an adapter that will be written. */
export interface OutputModule {
  readonly module: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** The rank that is written may be smaller. */
  readonly maxRank: number;
  readonly dtype: WritableDtype;
  readonly form: OutputForm;
  /** Names of the tensors, in place of those of the format. */
  readonly names?: {
    readonly a: string;
    readonly b: string;
    readonly alpha?: string;
    /** For the singular values, where the factors are written with unit columns and these between them. */
    readonly diagonal?: string;
  };
  /** Which factors are written with their axes exchanged. */
  readonly exchanged?: { readonly a: boolean; readonly b: boolean };
}

/** An embedding has names of its own; a convolution's A has its kernel as axes. */
export type OutputForm =
  | { readonly kind: "linear" }
  | { readonly kind: "embedding" }
  /** `axes`: input channels and kernel, whose product is `inFeatures`; as many ones follow B's rank. */
  | { readonly kind: "conv"; readonly axes: readonly number[] };

export interface OutputFactors extends PlainFactors {
  /** ΔW = scale · b · a. */
  readonly scale: number;
  /** ‖ΔW‖_F that the written factors must have, to rounding. */
  readonly norm: number;
}

/** A tensor that is carried over byte by byte. */
export interface OutputCopy {
  readonly name: string;
  readonly tensor: Tensor;
  readonly read: ReadRange;
}

/** An adapter as it is made: module by module, so that only one is in memory. */
export interface AdapterOutput {
  readonly modules: readonly OutputModule[];
  readonly copies: readonly OutputCopy[];
  /** Called once for each module, in order. */
  factorsOf(module: OutputModule, index: number): Promise<OutputFactors>;
  /** For the file's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** What was written of each module, in the order of `AdapterOutput.modules`. */
export interface WrittenModule {
  readonly module: string;
  readonly rank: number;
  readonly scale: number;
  readonly norm: number;
  /** What its update does to a fixed input (updateProbe.ts). */
  readonly probe: Float64Array;
}
