import type { LogReport } from "../logFormat";
import type { LogParser, LogSink, LogWindow } from "../streamLog";

/** No log line is that long; a file without line ends is no log. */
const maxLineBytes = 16_000_000;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const utf8 = new TextDecoder("utf-8");

/**
 * Reads a text log line by line. A last line without an end waits, since its writer may not be done with it,
 * until the file is at rest.
 */
export abstract class LineParser implements LogParser {
  readonly stopped = false;
  outdated = false;
  /** The last line was taken though it had no end. */
  private tookTail = false;
  /** In the middle of a line that is too long. */
  private skipping = false;

  parse(window: LogWindow, sink: LogSink): number {
    const { bytes } = window;
    const start = this.begin(window);
    if (this.outdated) return 0;
    let end = bytes.lastIndexOf(lineFeed) + 1;
    if (end <= start) {
      if (bytes.length - start >= maxLineBytes) {
        this.skipping = true;
        return bytes.length;
      }
      end = start;
    }
    if (window.atRest && bytes.length === window.remaining && bytes.length > end) {
      end = bytes.length;
      this.tookTail = true;
    }
    if (end > start) this.takeText(utf8.decode(bytes.subarray(start, end)), sink);
    return end;
  }

  abstract report(): LogReport;
  abstract fork(): LogParser;

  /** Whole lines, each with its end. */
  protected abstract takeText(text: string, sink: LogSink): void;

  protected keepViewState(original: LineParser): this {
    this.tookTail = original.tookTail;
    this.skipping = original.skipping;
    return this;
  }

  /** Where the first line begins that is to be taken. */
  private begin({ bytes }: LogWindow): number {
    if (this.tookTail) {
      const ended = bytes[0] === carriageReturn ? 1 : 0;
      if (bytes[ended] !== lineFeed) {
        // The line that was taken as the last goes on.
        this.outdated = true;
        return 0;
      }
      this.tookTail = false;
      return ended + 1;
    }
    if (!this.skipping) return 0;
    const end = bytes.indexOf(lineFeed) + 1;
    if (end === 0) return bytes.length;
    this.skipping = false;
    return end;
  }
}
