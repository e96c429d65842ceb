import type { JsonObject } from "../json/parseJson";

/** One tensor of an adapter, read whole. */
export interface StoredValues {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** What a method that changes a weight by itself is given for one module. */
export interface TransformInput {
  /** The tensor that the method's word and this end name, e.g. `R` of `oft_R`. */
  readonly part: (end: string) => StoredValues | undefined;
  /** adapter_config.json. */
  readonly settings: JsonObject;
  /** PEFT's version that wrote it, which it says since 0.18. */
  readonly version: string | undefined;
  /** Outputs and inputs of the weight. */
  readonly rows: number;
  readonly columns: number;
  /** Whether the inputs of `columns` are those of a kernel. */
  readonly isConvolution: boolean;
}
