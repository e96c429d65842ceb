import { CheckpointError } from "../problem/checkpointError";

/** Compressed bytes in the order of the file; they are asked for only as fast as they are consumed. */
export type CompressedChunks = AsyncIterable<Uint8Array<ArrayBuffer>>;

/**
 * Inflates a raw deflate stream and gives bytes `from` to `to` of what comes out. Stops reading as soon as
 * those are there, and never holds more than them and one chunk: the size that an archive claims is not trusted.
 * @throws CheckpointError `DamagedDeflate` when the stream is damaged or ends before `to`.
 */
export async function inflateRange(
  chunks: CompressedChunks,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const result = new Uint8Array(to - from);
  let position = 0;
  for await (const chunk of inflated(chunks, signal)) {
    const start = Math.max(from, position);
    const end = Math.min(to, position + chunk.length);
    if (end > start) result.set(chunk.subarray(start - position, end - position), start - from);
    position += chunk.length;
    if (position >= to) return result;
  }
  if (position >= to) return result;
  const message = `The compressed data ends at byte ${position} of ${to}. The file is damaged.`;
  throw new CheckpointError("DamagedDeflate", message);
}

/**
 * Reads parts of a raw deflate stream. A part that does not lie before the last one is inflated from there on, so that
 * reading all of it in order takes one pass; going back begins anew.
 */
export class InflateCursor {
  private stream: AsyncGenerator<Uint8Array> | undefined;
  /** Where in what comes out `rest` begins. */
  private position = 0;
  private rest: Uint8Array = new Uint8Array();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly open: () => CompressedChunks) {}

  /** @throws CheckpointError `DamagedDeflate` when the stream is damaged or ends before the part does. */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const next = this.last.then(() => this.readNow(offset, length, signal));
    this.last = next.catch(() => this.close());
    return next;
  }

  private async readNow(
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    if (this.stream === undefined || offset < this.position) {
      await this.close();
      this.stream = inflated(this.open());
    }
    const result = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const skip = offset + done - this.position;
      if (skip < this.rest.length) {
        const piece = this.rest.subarray(skip, skip + length - done);
        result.set(piece, done);
        done += piece.length;
        continue;
      }
      signal?.throwIfAborted();
      this.position += this.rest.length;
      const { done: ended, value } = await this.stream.next();
      if (ended === true) {
        const message = `The compressed data ends at byte ${this.position} of ${offset + length}. The file is damaged.`;
        throw new CheckpointError("DamagedDeflate", message);
      }
      this.rest = value;
    }
    return result;
  }

  private async close(): Promise<void> {
    await this.stream?.return(undefined);
    this.stream = undefined;
    this.position = 0;
    this.rest = new Uint8Array();
  }
}

/** How a deflate stream is wrapped: gzip with a name and a checksum, zlib (which the streams standard calls deflate). */
export type DeflateWrapping = "gzip" | "deflate";

/**
 * Unpacks what is in memory, up to `maxBytes` of what comes out.
 * @throws CheckpointError where it is damaged, or larger.
 */
export async function inflateAll(
  bytes: Uint8Array,
  wrapping: DeflateWrapping,
  maxBytes: number,
): Promise<Uint8Array> {
  const inflated = await inflateSome(bytes, wrapping, maxBytes);
  if (inflated.failure !== undefined) throw inflated.failure;
  return inflated.bytes;
}

/** The same, but what came out before it failed is given as well. */
export async function inflateSome(
  packed: Uint8Array,
  wrapping: DeflateWrapping,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly failure: CheckpointError | undefined }> {
  async function* whole() {
    yield new Uint8Array(packed);
  }
  // Deflate makes at most 1032 bytes of one. Memory that nothing is written to costs nothing.
  const room = new Uint8Array(Math.min(maxBytes, packed.length * 1032 + 1024));
  let size = 0;
  let failure: CheckpointError | undefined;
  try {
    for await (const part of inflated(whole(), undefined, wrapping)) {
      if (size + part.length > room.length)
        throw new CheckpointError("InflatedTooLarge", "what it unpacks to is too large.");
      room.set(part, size);
      size += part.length;
    }
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    failure = error;
  }
  // What is kept keeps all of its memory.
  return { bytes: size * 2 < room.length ? room.slice(0, size) : room.subarray(0, size), failure };
}

async function* inflated(
  chunks: CompressedChunks,
  signal?: AbortSignal,
  format: "deflate-raw" | DeflateWrapping = "deflate-raw",
): AsyncGenerator<Uint8Array> {
  // The declaration that all platforms share names only the first of the three.
  const stream = new DecompressionStream(format as "deflate-raw");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  // Errors of the writing side come out of the reading side as well, where they are told.
  const writing = pump(chunks, writer).catch((error: unknown) => {
    writer.abort(error).catch(() => undefined);
    return error;
  });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return;
      if (value !== undefined) yield value;
    }
  } catch (error) {
    const cause = await Promise.race([writing, Promise.resolve(undefined)]);
    if (cause instanceof Error && !isOfStream(cause)) throw cause;
    if (signal?.aborted || !isOfStream(error)) throw error;
    throw new CheckpointError("DamagedDeflate", "The compressed data of a member of the archive is damaged.");
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** The standard wants a TypeError for damaged data; Node 20 throws what zlib says, by its codes. */
function isOfStream(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    (error instanceof Error && "code" in error && /^Z_/.test(String(error.code)))
  );
}

async function pump(
  chunks: CompressedChunks,
  writer: { write(chunk: Uint8Array<ArrayBuffer>): Promise<void>; close(): Promise<void> },
): Promise<undefined> {
  for await (const chunk of chunks) await writer.write(chunk);
  await writer.close();
  return undefined;
}
