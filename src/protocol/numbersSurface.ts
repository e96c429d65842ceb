import type { ValueBlock } from "../core/values/readBlock";
import type { ValuesRequest } from "./numbersCalls";

/** What the page of the checkpoint editor may ask about the numbers in the tensors. */
export interface NumbersHostCalls {
  /** Values of a block of a slice, read by range. */
  values(params: ValuesRequest): ValueBlock;
}
