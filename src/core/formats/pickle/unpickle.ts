import type { ByteSource } from "../../bytes/byteSource";
import { takeTurns } from "../../bytes/takeTurns";
import { CheckpointError } from "../../problem/checkpointError";
import { maxPickleImports, maxPickleWindowBytes, pickleWindowBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import type { ContentValue } from "../contentValue";
import type { FoundValues } from "./foundValues";
import { ImportLog, type PickleImport } from "./importLog";
import { ImportScanner } from "./importScanner";
import type { PickleHooks } from "./inlineData";
import { PickleBudget } from "./pickleBudget";
import { NeedBytes, PickleInput } from "./pickleInput";
import { PickleMachine } from "./pickleMachine";

export interface Unpickled {
  /** Undefined where the pickle failed before there was anything to show. */
  readonly value: ContentValue | undefined;
  /** Why the pickle could not be read to its end; what `value` holds was read before. */
  readonly failure: CheckpointError | undefined;
  readonly imports: readonly PickleImport[];
  readonly problems: readonly Problem[];
  /** Offset behind the STOP, or of the opcode that failed. */
  readonly end: number;
  readonly protocol: number;
  readonly found: FoundValues;
}

export interface UnpickleOptions extends PickleHooks {
  /** Where the pickle begins. */
  readonly start?: number;
  readonly signal?: AbortSignal | undefined;
  /** What is left for this pickle; without it, what a file may cost that is as long as the source. */
  readonly budget?: PickleBudget;
}

/** Unpickles bytes that are in memory. Never executes anything, never throws for what is in them. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): Unpickled {
  const run = new Run(bytes.length, options);
  run.input.setWindow(bytes, 0);
  // The window is the whole stream: what is needed beyond it is not there.
  const missing = run.step();
  return run.finish(missing === undefined ? undefined : truncated(missing, bytes.length));
}

/**
 * Unpickles from a source, of which only windows are held in memory: long bytes and strings are passed over.
 * Never throws for what is in the pickle.
 */
export async function unpickleFrom(source: ByteSource, options: UnpickleOptions = {}): Promise<Unpickled> {
  const run = new Run(source.size, options);
  const { signal } = options;
  for (let window = pickleWindowBytes; ; window = Math.min(2 * window, maxPickleWindowBytes)) {
    signal?.throwIfAborted();
    const missing = run.step();
    if (missing === undefined) return run.finish(undefined);
    const { offset, length, absent } = missing;
    if (absent || offset >= source.size || run.hasAllFrom(offset, source.size)) {
      return run.finish(truncated(missing, source.size));
    }
    const from = run.resumeOffset(offset);
    const end = Math.min(source.size, offset + Math.max(length, window));
    run.setWindow(await source.read(from, end - from, signal), from);
    if (window > pickleWindowBytes) await takeTurns();
  }
}

function truncated({ offset, length }: NeedBytes, size: number): CheckpointError {
  const missing = offset + length - size;
  const fact = missing > 1 ? ` At least ${formatBytes(missing)} are missing.` : "";
  const message = `The pickle is cut: it ends before its end mark.${fact} The save or the download did not finish.`;
  return new CheckpointError("TruncatedPickle", message, offset);
}

/** One run of the machine, and after a failure of the scanner that looks for imports in what follows. */
class Run {
  readonly input: PickleInput;
  private readonly imports = new ImportLog();
  private readonly machine: PickleMachine;
  private value: ContentValue | undefined;
  private failure: CheckpointError | undefined;
  private scanner: ImportScanner | undefined;
  private windowEnd = 0;
  private readonly budget: PickleBudget;

  constructor(size: number, { start = 0, budget = new PickleBudget(size), ...hooks }: UnpickleOptions) {
    this.input = new PickleInput(start, size);
    this.budget = budget;
    this.machine = new PickleMachine(this.input, this.imports, this.budget, hooks);
  }

  setWindow(bytes: Uint8Array, start: number): void {
    this.input.setWindow(bytes, start);
    this.windowEnd = start + bytes.length;
  }

  /** The window holds all bytes from `offset` to the end of the stream. */
  hasAllFrom(offset: number, size: number): boolean {
    return this.windowEnd === size && this.input.holds(offset);
  }

  /** The opcode that could not be read begins before the bytes that it needs. */
  resumeOffset(needed: number): number {
    return Math.min(this.input.position, needed);
  }

  /** Goes on until it is done, or needs bytes. */
  step(): NeedBytes | undefined {
    try {
      if (this.scanner === undefined) this.runMachine();
      this.scanner?.run();
      return undefined;
    } catch (error) {
      if (error instanceof NeedBytes) return error;
      throw error;
    }
  }

  finish(truncation: CheckpointError | undefined): Unpickled {
    const failure = this.failure ?? truncation;
    return {
      value: failure === undefined ? this.value : this.machine.salvage(),
      failure,
      imports: this.imports.toArray(),
      problems: [...this.machine.foundProblems, ...this.limits()],
      end: failure?.offset ?? this.input.position,
      protocol: this.machine.protocol,
      found: this.machine.found,
    };
  }

  private limits(): readonly Problem[] {
    if (!this.imports.overflow) return [];
    const message = `The pickle imports more than ${maxPickleImports} different names; of the rest only such were kept as are known to be dangerous.`;
    return [{ severity: "warning", code: "TooManyImports", message }];
  }

  private runMachine(): void {
    try {
      this.value = this.machine.run();
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.failure = error;
      // Python stops here as well, as far as we know. The rest is read for the report only.
      this.scanner = new ImportScanner(this.input, this.imports, this.budget);
    }
  }
}
