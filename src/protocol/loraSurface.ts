import type { WritableDtype } from "../core/tensors/encode";
import type { ReductionOptions } from "../core/transform/reductionPlan";
import type { CheckpointCalls } from "./checkpointCalls";
import type { MadeSnapshot } from "./makeCalls";
import type { PageCalls } from "./pageCalls";

/** What the page of the checkpoint editor may ask about the adapter that it shows. */
export interface LoraHostCalls
  extends PageCalls<CheckpointCalls, "lora" | "compareWithBase" | "intruders" | "reductionStart"> {
  /**
   * Path of the adapter's base model: the one that the user chose, else the one that is beside the adapter. Undefined
   * where none is known.
   */
  baseModel(params: null): string | undefined;
  /** Asks the user for the base model; undefined where they gave none. */
  chooseBaseModel(params: null): string | undefined;
  /** Asks the user for a folder; undefined where they chose none. */
  chooseFolder(params: { readonly folder: string }): string | undefined;
  /** Something is at the path already. */
  isTaken(params: { readonly path: string }): boolean;
  /**
   * Writes the adapter at lower ranks. Tells its progress; aborting the call stops it and leaves nothing behind.
   * Undefined where the user decided against replacing what is there.
   */
  reduce(params: {
    readonly options: ReductionOptions;
    readonly out: string;
    readonly dtype?: WritableDtype;
  }): MadeSnapshot | undefined;
  /** Compares this snapshot with one that was made of it. */
  compareMade(params: { readonly path: string }): void;
}
