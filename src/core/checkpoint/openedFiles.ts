import type { Files } from "../bytes/files";
import { ParsedOnce } from "../formats/parsedOnce";
import { CheckpointError } from "../problem/checkpointError";
import type { Checkpoint } from "./checkpoint";
import { openCheckpoint } from "./openCheckpoint";

/** Directories and pickles of so many files stay in memory; a checkpoint of more has them alike. */
const maxKept = 64;

/** The files of a checkpoint that were opened: what one question read, the next need not read again. */
export class OpenedFiles {
  private own: Checkpoint | undefined;
  private readonly kept = new Map<string, Promise<Checkpoint>>();

  private readonly parsed: ParsedOnce;

  constructor(readonly files: Files) {
    this.parsed = new ParsedOnce(files);
  }

  /** Takes the checkpoint itself, which is open already, with all its values. */
  keep(checkpoint: Checkpoint): void {
    this.own = checkpoint;
  }

  /**
   * Reads directory and pickle, never tensors.
   * @throws CheckpointError as `openCheckpoint`, and the same one when it is asked again.
   */
  async open(path: string, signal?: AbortSignal): Promise<Checkpoint> {
    if (path === this.own?.path) return this.own;
    const known = this.kept.get(path);
    if (known === undefined) return this.read(path, signal);
    try {
      return await known;
    } catch (error) {
      signal?.throwIfAborted();
      // Who asked first may have been told to stop.
      return error instanceof CheckpointError ? Promise.reject(error) : this.read(path, signal);
    }
  }

  private read(path: string, signal?: AbortSignal): Promise<Checkpoint> {
    const reading = openCheckpoint(this.parsed, path, signal);
    this.kept.set(path, reading);
    const [oldest] = this.kept.keys();
    if (this.kept.size > maxKept && oldest !== undefined) this.kept.delete(oldest);
    reading.catch((error) => {
      if (!(error instanceof CheckpointError) && this.kept.get(path) === reading) this.kept.delete(path);
    });
    return reading;
  }
}
