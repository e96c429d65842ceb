import type { ByteSource } from "../../bytes/byteSource";
import { sameItems } from "../../lists/sameItems";
import type { LogCursor, LogInput, LogRead, LogReadOptions, LogReport, Purge } from "./logFormat";
import { PointBatch } from "./pointBatch";

/** A stretch of a file that a parser is to take whole records from. */
export interface LogWindow {
  readonly bytes: Uint8Array;
  /** Of the first byte, in the file. */
  readonly offset: number;
  /** Bytes from `offset` to the end of the file: more than are here, where the file goes on behind them. */
  readonly remaining: number;
  readonly atRest: boolean;
}

/** Where the points and marks of a window go. */
export interface LogSink {
  readonly points: PointBatch;
  readonly purges: Purge[];
  /** What was logged before is of another training: forget it. */
  forget(): void;
}

/** Reads a log from its beginning to its end, a window at a time. Remembers what later records need. */
export interface LogParser {
  /**
   * Takes whole records and says how many bytes they had; more than there are here to pass over some. 0 when
   * the first record is not whole.
   */
  parse(window: LogWindow, sink: LogSink): number;
  /** The length of the record that was not whole, where known: asked after `parse` gave 0. */
  readonly wanted?: number;
  /** Nothing behind this place can be read. */
  readonly stopped: boolean;
  /** What lies before does not go with what follows: the file must be read from its beginning. */
  readonly outdated?: boolean;
  report(): LogReport;
  /** A copy to go on with: a read that is aborted must not leave a parser that is ahead of its points. */
  fork(): LogParser;
}

/** Big enough that a read costs little, small enough to hold a few of. */
const windowBytes = 4 * 1024 * 1024;

/** A record beyond this is not looked into. Images and graphs have tens of megabytes at the most. */
export const maxRecordBytes = 64 * 1024 * 1024;

/** Enough of the beginning to notice that a file was written anew, e.g. with other columns. */
const headBytes = 1024;
const tailBytes = 64;

class StreamCursor implements LogCursor {
  constructor(
    readonly offset: number,
    readonly parser: LogParser,
    /** The beginning of the file. */
    readonly head: Uint8Array,
    /** What stands before `offset`. */
    readonly tail: Uint8Array,
  ) {}

  async fits(source: ByteSource, signal: AbortSignal | undefined): Promise<boolean> {
    if (source.size < this.offset) return false;
    const head = await source.read(0, this.head.length, signal);
    const tail = await source.read(this.offset - this.tail.length, this.tail.length, signal);
    return sameItems(head, this.head) && sameItems(tail, this.tail);
  }
}

/**
 * Opens the file and reads on from the cursor; from the beginning where it does not fit the file any more.
 */
export async function readStreamLog(
  input: LogInput,
  from: LogCursor | undefined,
  options: LogReadOptions,
  create: () => LogParser,
): Promise<LogRead> {
  const source = await input.files.open(input.path);
  try {
    return await readSource(source, from, options, create);
  } finally {
    await source.close();
  }
}

/** The same over bytes that are open already. */
async function readSource(
  source: ByteSource,
  from: LogCursor | undefined,
  options: LogReadOptions,
  create: () => LogParser,
): Promise<LogRead> {
  const known = from instanceof StreamCursor ? from : undefined;
  if (known !== undefined && (await known.fits(source, options.signal))) {
    const reading = new Reading(source, options, known.parser.fork(), known.offset);
    await reading.run();
    if (reading.parser.outdated !== true) return await reading.finish(known, false);
  }
  const reading = new Reading(source, options, create(), 0);
  await reading.run();
  return await reading.finish(undefined, from !== undefined);
}

class Reading implements LogSink {
  points = new PointBatch();
  purges: Purge[] = [];
  private forgotten = false;
  private head: Uint8Array | undefined;
  private tail: Uint8Array | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly options: LogReadOptions,
    readonly parser: LogParser,
    private offset: number,
  ) {}

  forget(): void {
    this.points = new PointBatch();
    this.purges = [];
    this.forgotten = true;
  }

  async run(): Promise<void> {
    const { source, parser } = this;
    const { signal, atRest = false } = this.options;
    let length = windowBytes;
    while (!parser.stopped && parser.outdated !== true && this.offset < source.size) {
      signal?.throwIfAborted();
      const { offset } = this;
      const remaining = source.size - offset;
      const bytes = await source.read(offset, Math.min(length, remaining), signal);
      const taken = parser.parse({ bytes, offset, remaining, atRest }, this);
      if (taken === 0) {
        if (bytes.length === remaining) return;
        // No record is that long: what follows may be readable again.
        if (bytes.length >= maxRecordBytes) this.offset += bytes.length;
        length = Math.min(maxRecordBytes, Math.max(parser.wanted ?? 0, length * 2));
        continue;
      }
      this.offset = Math.min(offset + taken, source.size);
      this.keepEnds(bytes, offset, taken);
      length = windowBytes;
    }
  }

  async finish(known: StreamCursor | undefined, restarted: boolean): Promise<LogRead> {
    const { source, offset, parser } = this;
    const { signal } = this.options;
    if (known?.head.length === headBytes) this.head = known.head;
    const head = this.head ?? (await source.read(0, Math.min(headBytes, offset), signal));
    if (known?.offset === offset) this.tail = known.tail;
    const tailLength = Math.min(tailBytes, offset);
    const tail = this.tail ?? (await source.read(offset - tailLength, tailLength, signal));
    return {
      ...parser.report(),
      points: this.points,
      purges: this.purges,
      restarted: restarted || this.forgotten,
      cursor: new StreamCursor(offset, parser, head, tail),
      waiting: source.size - offset,
    };
  }

  /** What the cursor remembers of the file, out of bytes that were read anyway. */
  private keepEnds(bytes: Uint8Array, offset: number, taken: number): void {
    if (offset === 0 && taken <= bytes.length && taken >= headBytes) this.head = bytes.slice(0, headBytes);
    const within = taken <= bytes.length && taken >= tailBytes;
    this.tail = within ? bytes.slice(taken - tailBytes, taken) : undefined;
  }
}
