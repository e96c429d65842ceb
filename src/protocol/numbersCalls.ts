import type { ValueBlock } from "../core/values/readBlock";
import type { SliceBlock, TensorSlice } from "../core/values/tensorSlice";

/**
 * A tensor by its row in the tensor table. Names may be shortened there and need not be unique; with the name, a row
 * of a file that was read anew is not taken for another tensor.
 */
export interface TensorPlace {
  readonly row: number;
  readonly name: string;
}

export interface ValuesRequest {
  readonly tensor: TensorPlace;
  readonly slice: TensorSlice;
  /** What lies outside of the slice is left out. */
  readonly block: SliceBlock;
}

type OfCheckpoint<T> = T & { readonly handle: number };

/** What the worker answers about the numbers in a checkpoint's tensors. */
export interface NumbersCalls {
  values(params: OfCheckpoint<ValuesRequest>): ValueBlock;
}
