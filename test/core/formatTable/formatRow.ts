import type { WritableDtype } from "../../../src/core/tensors/encode";
import type { MemoryFiles } from "../../support/memoryFiles";
import type { RowProofs } from "./proof";

/** A row of the README's table: what proves its cells, and checkpoints that are measured, compared and converted. */
export interface FormatRow {
  /** The files, what is opened of them, and the dtype that packed weights are written in. */
  readonly alike: readonly (readonly [files: () => MemoryFiles, path: string, dtype?: WritableDtype])[];
  readonly proofs: RowProofs;
}
