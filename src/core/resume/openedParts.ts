import { baseName } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { OpenedFiles } from "../checkpoint/openedFiles";
import { CheckpointError } from "../problem/checkpointError";
import { messageOf } from "../problem/messageOf";
import { isReadingError, type Problem } from "../problem/problem";
import { formatCount } from "../text/quantities";
import type { BrokenFile, PartRole } from "./resumeInputs";

/** A file that says by its end that it is not whole. */
const cutCodes: ReadonlySet<string> = new Set([
  "NoZipDirectory",
  "TruncatedPickle",
  "TruncatedLegacy",
  "MetadataIncompleteBuffer",
  "InvalidHeaderLength",
  "HeaderTooSmall",
  "UnexpectedEnd",
]);

/** Opens the files of a checkpoint one after the other, and remembers which cannot be loaded. */
export class PartOpener {
  readonly broken: BrokenFile[] = [];
  readonly whole: string[] = [];

  constructor(
    private readonly opened: OpenedFiles,
    private readonly signal?: AbortSignal,
  ) {}

  /** Reads directory and pickle, never tensors. Undefined where nothing of it can be used. */
  async open(path: string, name: string, role: PartRole): Promise<Checkpoint | undefined> {
    const checkpoint = await this.tryOpen(path, name, role);
    if (checkpoint === undefined) return undefined;
    const failure = checkpoint.problems.find(isReadingError);
    if (failure === undefined) this.whole.push(name);
    else {
      // Of a sharded model the shard is broken, and not the index that was opened.
      const culprit = failure.file === undefined ? name : baseName(failure.file);
      this.broken.push({ name: culprit, role, reason: failureText(failure) });
    }
    return checkpoint;
  }

  private async tryOpen(path: string, name: string, role: PartRole): Promise<Checkpoint | undefined> {
    try {
      return await this.opened.open(path, this.signal);
    } catch (error) {
      this.signal?.throwIfAborted();
      const problem = error instanceof CheckpointError ? error.toProblem() : undefined;
      const reason = problem === undefined ? `cannot be read: ${messageOf(error)}.` : failureText(problem);
      this.broken.push({ name, role, reason });
      return undefined;
    }
  }
}

/** Without the file's name, which comes before it. */
function failureText({ code, message, offset }: Problem): string {
  const place = offset === undefined ? "" : ` at byte ${formatCount(offset)}`;
  const fact = cutCodes.has(code)
    ? `is cut${place}`
    : `cannot be loaded${offset ? ` (byte ${formatCount(offset)})` : ""}`;
  return `${fact}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}
