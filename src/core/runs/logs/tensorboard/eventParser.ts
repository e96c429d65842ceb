import { maskedCrc32c } from "../../../bytes/checksums/crc32";
import type { Problem } from "../../../problem/problem";
import { formatBytes, plural } from "../../../text/quantities";
import { cutLog, damagedLog } from "../logEnd";
import type { LogReport } from "../logFormat";
import { maxMetrics } from "../pointBatch";
import { type LogParser, type LogSink, type LogWindow, maxRecordBytes } from "../streamLog";
import { WireFormatError, WireReader, wireBytes, wireFixed32 } from "../wireReader";
import { EventConfig } from "./eventConfig";
import { type EventTag, TagTable } from "./tagTable";
import { readTensorScalar } from "./tensorScalar";

/** Before a record its length (8 bytes) and that length's checksum, behind it its own. */
const headerBytes = 12;
const footerBytes = 4;

/** SessionLog.SessionStatus: a training that was started, or started again. */
const sessionStart = 1;

/**
 * Reads the records of a TensorBoard event file: `u64 length | u32 masked crc32c of it | Event | u32 masked
 * crc32c of the Event`. Takes the scalars and steps over images, histograms and graphs.
 */
export class EventParser implements LogParser {
  stopped = false;
  wanted = 0;
  private config = new EventConfig();
  private tags = new TagTable(maxMetrics);
  private skippedLarge = 0;
  private damaged = 0;
  private withoutTag = 0;
  /** About the end of what was read; found again each time. */
  private atEnd: Problem | undefined;

  parse(window: LogWindow, sink: LogSink): number {
    const { bytes, remaining } = window;
    const reader = new WireReader(bytes);
    let at = 0;
    this.wanted = headerBytes;
    while (at < remaining) {
      if (at + headerBytes > bytes.length) {
        if (at + headerBytes > remaining) this.tellCut(window, at);
        break;
      }
      if (!isIntact(reader, at, at + 8)) {
        this.stop(window, at);
        break;
      }
      const total = headerBytes + lengthAt(reader, at) + footerBytes;
      if (at + total > remaining) {
        this.tellCut(window, at);
        break;
      }
      if (total > maxRecordBytes) {
        this.skippedLarge++;
      } else if (at + total > bytes.length) {
        this.wanted = total;
        break;
      } else {
        const start = at + headerBytes;
        const end = at + total - footerBytes;
        if (!isIntact(reader, start, end)) {
          this.stop(window, at);
          break;
        }
        this.takeEvent(reader, start, end, sink);
      }
      at += total;
    }
    return at;
  }

  report(): LogReport {
    const { config, atEnd } = this;
    const problems: Problem[] = [];
    if (atEnd !== undefined) problems.push(atEnd);
    const tell = (code: string, message: string) => problems.push({ severity: "info", code, message });
    if (this.damaged > 0)
      tell("LogRecordDamaged", `${plural(this.damaged, "record")} could not be understood.`);
    if (this.skippedLarge > 0) {
      const records = plural(this.skippedLarge, "record");
      tell("LogRecordTooLarge", `Not looked into: ${records} of more than ${formatBytes(maxRecordBytes)}.`);
    }
    if (this.withoutTag > 0) {
      tell("TooManyMetrics", `The first ${plural(maxMetrics, "metric")} are shown; the log has more.`);
    }
    const facts = config.maxSteps === undefined ? {} : { maxSteps: config.maxSteps };
    return { config: config.rows, summary: [], facts, problems };
  }

  fork(): EventParser {
    const copy = new EventParser();
    copy.config = this.config.fork();
    copy.tags = this.tags.fork();
    copy.skippedLarge = this.skippedLarge;
    copy.damaged = this.damaged;
    copy.withoutTag = this.withoutTag;
    return copy;
  }

  private takeEvent(reader: WireReader, start: number, end: number, sink: LogSink): void {
    try {
      this.readEvent(reader.enter(start, end), sink);
    } catch (error) {
      if (!(error instanceof WireFormatError)) throw error;
      this.damaged++;
    }
  }

  private readEvent(event: WireReader, sink: LogSink): void {
    let wallTime = Number.NaN;
    let step = 0;
    let summaryStart = 0;
    let summaryEnd = 0;
    let isStart = false;
    while (event.next()) {
      switch (event.field) {
        case 1:
          wallTime = event.double;
          break;
        case 2:
          step = event.int;
          break;
        case 5:
          if (event.wireType !== wireBytes) break;
          summaryStart = event.start;
          summaryEnd = event.end;
          break;
        case 7:
          isStart = event.wireType === wireBytes && readStatus(event.nested()) === sessionStart;
          break;
      }
    }
    if (isStart) sink.purges.push({ wallTime, step });
    if (summaryEnd === summaryStart) return;
    const summary = event.enter(summaryStart, summaryEnd);
    while (summary.next()) {
      if (summary.field === 1 && summary.wireType === wireBytes) {
        this.readValue(summary.nested(), step, wallTime, sink);
      }
    }
  }

  private readValue(value: WireReader, step: number, wallTime: number, sink: LogSink): void {
    let tagStart = 0;
    let tagEnd = 0;
    let simple = Number.NaN;
    let hasSimple = false;
    let tensorStart = 0;
    let tensorEnd = 0;
    let metadataStart = 0;
    let metadataEnd = 0;
    while (value.next()) {
      const { field, wireType } = value;
      if (field === 2 && wireType === wireFixed32) {
        simple = value.float;
        hasSimple = true;
      }
      if (wireType !== wireBytes) continue;
      if (field === 1) {
        tagStart = value.start;
        tagEnd = value.end;
      } else if (field === 8) {
        tensorStart = value.start;
        tensorEnd = value.end;
      } else if (field === 9) {
        metadataStart = value.start;
        metadataEnd = value.end;
      }
    }
    if (!hasSimple && tensorEnd === tensorStart && metadataEnd === metadataStart) return;
    const tag = this.tags.find(value.bytes, tagStart, tagEnd);
    if (tag === undefined) {
      this.withoutTag++;
      return;
    }
    if (metadataEnd > metadataStart) this.readMetadata(value.enter(metadataStart, metadataEnd), tag);
    if (hasSimple) tag.add(sink.points, step, simple, wallTime);
    else if (tensorEnd > tensorStart) {
      this.readTensor(
        value.enter(tensorStart, tensorEnd),
        tag,
        tensorEnd - tensorStart,
        step,
        wallTime,
        sink,
      );
    }
  }

  private readTensor(
    tensor: WireReader,
    tag: EventTag,
    byteLength: number,
    step: number,
    wallTime: number,
    sink: LogSink,
  ): void {
    const isScalar = tag.plugin === undefined || tag.plugin === "scalars";
    if (!isScalar && !this.config.isConfig(tag.name, byteLength)) return;
    const scalar = readTensorScalar(tensor);
    if (typeof scalar === "string") this.config.addText(tag.name, scalar);
    else if (isScalar && scalar !== undefined) tag.add(sink.points, step, scalar, wallTime);
  }

  /**
   * SummaryMetadata { plugin_data(1) { plugin_name(1), content(2) }, data_class(4) }. The first one counts.
   */
  private readMetadata(metadata: WireReader, tag: EventTag): void {
    let plugin: string | undefined;
    while (metadata.next()) {
      if (metadata.field === 4 && metadata.uint === 1) plugin ??= "scalars";
      if (metadata.field !== 1 || metadata.wireType !== wireBytes) continue;
      const data = metadata.nested();
      while (data.next()) {
        if (data.field === 1) plugin = data.text;
        else if (data.field === 2 && data.wireType === wireBytes && plugin === "hparams") {
          this.config.addHyperparameters(data.nested());
        }
      }
    }
    // Old writers name no plugin.
    if (plugin !== undefined && plugin !== "") tag.plugin ??= plugin;
  }

  private tellCut({ offset, atRest }: LogWindow, at: number): void {
    if (atRest) this.atEnd = cutLog(offset + at);
  }

  private stop({ bytes, offset }: LogWindow, at: number): void {
    this.stopped = true;
    this.atEnd = damagedLog(bytes, at, offset + at);
  }
}

function isIntact({ bytes, view }: WireReader, start: number, end: number): boolean {
  return maskedCrc32c(bytes, start, end) === view.getUint32(end, true);
}

/** Beyond 2^53 it is rounded, and beyond the file anyway. */
function lengthAt({ view }: WireReader, at: number): number {
  return view.getUint32(at + 4, true) * 4294967296 + view.getUint32(at, true);
}

function readStatus(session: WireReader): number {
  let status = 0;
  while (session.next()) if (session.field === 1) status = session.uint;
  return status;
}
