import type { Problem } from "./problem";

/**
 * A file that cannot be read as what it claims to be.
 * `code` is stable (for safetensors: the error names of the reference implementation),
 * `offset` is the byte where reading had to stop.
 */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";

  constructor(
    readonly code: string,
    message: string,
    readonly offset?: number,
    readonly file?: string,
  ) {
    super(message);
  }

  /** The same error, told of a file. The first file named wins: it is the innermost. */
  inFile(file: string): CheckpointError {
    return this.file === undefined ? new CheckpointError(this.code, this.message, this.offset, file) : this;
  }

  toProblem(): Problem {
    return {
      severity: "error",
      code: this.code,
      message: this.message,
      ...(this.file === undefined ? {} : { file: this.file }),
      ...(this.offset === undefined ? {} : { offset: this.offset }),
    };
  }
}
