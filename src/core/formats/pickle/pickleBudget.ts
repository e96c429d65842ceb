import {
  maxOpcodesPerByte,
  maxPickleOpcodes,
  maxPickleRetainedBytes,
  maxRetainedPerByte,
  smallPickleOpcodes,
  smallPickleRetainedBytes,
} from "../../problem/limits";

/** What the pickles of one file may cost, by the bytes of the file: what repeats deflates to a thousandth. */
export class PickleBudget {
  /** Opcodes that may still be run, in whichever pickle. */
  opcodes: number;
  /** Memory of what one of them makes. */
  readonly retainedBytes: number;

  constructor(fileBytes: number) {
    this.opcodes = Math.min(maxPickleOpcodes, smallPickleOpcodes + maxOpcodesPerByte * fileBytes);
    this.retainedBytes = Math.min(
      maxPickleRetainedBytes,
      smallPickleRetainedBytes + maxRetainedPerByte * fileBytes,
    );
  }
}
