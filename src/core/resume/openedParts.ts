import { baseName } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { OpenedFiles } from "../checkpoint/openedFiles";
import type { OptimizerState } from "../optimizer/optimizerState";
import { CheckpointError } from "../problem/checkpointError";
import { messageOf } from "../problem/messageOf";
import { isReadingError, type Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import { uncapitalised } from "../text/uncapitalised";
import { lookForNotFinite } from "./lookForNotFinite";
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
      this.broken.push({ name: culprit, role, ...failed(failure, culprit) });
    }
    return checkpoint;
  }

  /**
   * Counts as broken what was saved after its training diverged, as far as a look at some values tells.
   * @returns what speaks against moments that are numbers, in a sentence
   */
  async rejectNotFinite(
    checkpoint: Checkpoint,
    tensors: readonly Tensor[],
    name: string,
    role: PartRole,
    states: readonly OptimizerState[] = [],
  ): Promise<string | undefined> {
    const { files } = this.opened;
    const { fault, doubt } = await lookForNotFinite(files, checkpoint, tensors, states, this.signal);
    if (fault !== undefined)
      this.broken.push({ name, role, reason: `cannot be used: ${fault}`, isDiverged: true });
    return doubt;
  }

  private async tryOpen(path: string, name: string, role: PartRole): Promise<Checkpoint | undefined> {
    try {
      return await this.opened.open(path, this.signal);
    } catch (error) {
      this.signal?.throwIfAborted();
      const told = error instanceof CheckpointError ? failed(error.toProblem(), name) : undefined;
      this.broken.push({ name, role, ...(told ?? { reason: `cannot be read: ${messageOf(error)}.` }) });
      return undefined;
    }
  }
}

/** Limits of ours, beyond which others may read a file well. */
const limitCodes: ReadonlySet<string> = new Set(["PickleLimit"]);

/** Without the file's name, which comes before it. */
function failed(
  { code, message, offset }: Problem,
  name: string,
): Pick<BrokenFile, "reason" | "isBeyondLimit"> {
  if (message.startsWith(`${name} `)) return { reason: message.slice(name.length + 1) };
  const text = uncapitalised(message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message);
  const byte = offset === undefined ? "" : formatCount(offset);
  if (cutCodes.has(code)) return { reason: `is cut${byte === "" ? "" : ` at byte ${byte}`}: ${text}` };
  const place = offset ? ` (byte ${byte})` : "";
  if (!limitCodes.has(code)) return { reason: `cannot be loaded${place}: ${text}` };
  return { reason: `is read to a limit of this program only${place}: ${text}`, isBeyondLimit: true };
}
