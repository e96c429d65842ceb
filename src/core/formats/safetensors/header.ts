import { JsonScanner, JsonSyntaxError } from "../../json/jsonScanner";
import { TextOffsets } from "../../json/textOffsets";
import { CheckpointError } from "../../problem/checkpointError";
import { maxDtypeLength, maxHeaderDepth, maxListedProblems, maxTensorAxes } from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import { quote } from "../../text/quote";

/** One entry of the header as it is written, before it is held against the others and the file's size. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The sizes as written where one exceeds 2^53, for an exact overflow check. */
  readonly exactShape?: readonly bigint[];
  /** First byte and end, relative to the data section. */
  readonly begin: number;
  readonly end: number;
  /** Where the entry stands in the header's text; `Header.fileOffset` makes it a byte offset. */
  readonly textOffset: number;
}

export interface Header {
  /** By name, in the order of the text. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  /** False when entries had to be left out, whose bytes then look like holes between the others. */
  readonly complete: boolean;
  readonly metadata: ReadonlyMap<string, string>;
  readonly problems: ProblemList;
  /** Byte offset in the file of a position in the header's text. */
  fileOffset(textOffset: number): number;
}

const maxU64 = 2n ** 64n - 1n;

/**
 * An entry as all known writers lay it out, with sizes below 2^53. Matching it whole is several times as fast as
 * going from token to token, which decides how long a header of megabytes takes to open; everything else goes
 * through the scanner.
 */
const usualEntry =
  /\{"dtype": ?"([A-Z][A-Z0-9_]{0,15})", ?"shape": ?\[((?:(?:0|[1-9]\d{0,14})(?:, ?(?:0|[1-9]\d{0,14})){0,7})?)\], ?"data_offsets": ?\[(0|[1-9]\d{0,14}), ?(0|[1-9]\d{0,14})\]\}/y;

const metadataKey = "__metadata__";

/** The header begins behind the 8 bytes of its own length. */
const headerStart = 8;

/**
 * Parses the JSON header of a safetensors file (https://github.com/huggingface/safetensors, format section, and
 * the order of checks of the reference reader). Entries that break a rule are left out and reported.
 * @throws CheckpointError `InvalidHeader` for text that is not UTF-8, `InvalidHeaderDeserialization` for text that is
 * not one JSON object.
 */
export function parseHeader(bytes: Uint8Array): Header {
  return new HeaderParser(bytes).parse();
}

class EntryError extends Error {
  constructor(
    message: string,
    readonly code = "InvalidHeaderDeserialization",
  ) {
    super(message);
  }
}

class HeaderParser {
  private readonly scanner: JsonScanner;
  private readonly offsets: TextOffsets;
  private readonly entries = new Map<string, HeaderEntry>();
  /** A model has few shapes, however many tensors. */
  private readonly knownShapes = new Map<string, readonly number[]>();
  private complete = true;
  private metadata: ReadonlyMap<string, string> | undefined;
  private readonly problems = new ProblemList(maxListedProblems);

  constructor(bytes: Uint8Array) {
    const text = decodeUtf8(bytes);
    this.scanner = new JsonScanner(text, maxHeaderDepth);
    this.offsets = new TextOffsets(text, bytes.length);
  }

  parse(): Header {
    try {
      this.scanner.readObject((key, keyOffset) => this.readMember(key, keyOffset));
      this.scanner.end();
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      const message = `The header is not valid JSON: ${error.message}.`;
      throw new CheckpointError("InvalidHeaderDeserialization", message, this.fileOffset(error.offset));
    }
    return {
      entries: this.entries,
      complete: this.complete,
      metadata: this.metadata ?? new Map(),
      problems: this.problems,
      fileOffset: (textOffset) => this.fileOffset(textOffset),
    };
  }

  private readMember(key: string, keyOffset: number): void {
    const value = this.scanner.mark();
    try {
      if (key === metadataKey) this.readMetadata(keyOffset);
      else this.addEntry(this.readEntry(key, keyOffset));
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      const tensor = key === metadataKey ? undefined : key;
      if (tensor !== undefined) this.complete = false;
      this.report(error.code, error.message, keyOffset, tensor);
      this.scanner.reset(value);
      this.scanner.skipValue();
    }
  }

  private addEntry(entry: HeaderEntry): void {
    const { size } = this.entries;
    this.entries.set(entry.name, entry);
    if (this.entries.size > size) return;
    this.problems.addLazily("DuplicateKey", () => ({
      severity: "warning",
      code: "DuplicateKey",
      message: `Tensor ${quote(entry.name)} is listed twice. Readers keep the last entry, as is done here.`,
      offset: this.fileOffset(entry.textOffset),
      tensor: entry.name,
    }));
  }

  private readMetadata(metadataOffset: number): void {
    const { scanner } = this;
    const metadata = new Map<string, string>();
    if (this.metadata !== undefined)
      this.reportTwice("The header has __metadata__", metadataOffset, undefined);
    this.metadata = metadata;
    if (scanner.tryWord("null")) return;
    if (scanner.peek() !== 0x7b) throw new EntryError("__metadata__ must be an object of strings.");
    scanner.readObject((key, keyOffset) => {
      if (scanner.peek() === 0x22) {
        metadata.set(key, scanner.readString());
        return;
      }
      const start = scanner.position;
      scanner.skipValue();
      const text = scanner.text.slice(start, scanner.position);
      metadata.set(key, text);
      const message = `Metadata ${quote(key)} is ${text.slice(0, 40)}, but only strings are allowed.`;
      this.report("InvalidHeaderDeserialization", message, keyOffset, undefined);
    });
  }

  private readEntry(name: string, keyOffset: number): HeaderEntry {
    const usual = this.scanner.tryPattern(usualEntry);
    if (usual === null) return this.readUnusualEntry(name, keyOffset);
    const [, dtype = "", sizes = "", begin, end] = usual;
    const shape = this.knownShapes.get(sizes) ?? (sizes === "" ? [] : sizes.split(",").map(Number));
    this.knownShapes.set(sizes, shape);
    return { name, dtype, shape, begin: Number(begin), end: Number(end), textOffset: keyOffset };
  }

  private readUnusualEntry(name: string, keyOffset: number): HeaderEntry {
    const { scanner } = this;
    if (scanner.peek() !== 0x7b) {
      throw new EntryError(`Tensor ${quote(name)} must be an object with dtype, shape and data_offsets.`);
    }
    let dtype: string | undefined;
    let shape: readonly (bigint | number)[] | undefined;
    let offsets: readonly (bigint | number)[] | undefined;
    scanner.readObject((field, fieldOffset) => {
      const known =
        field === "dtype"
          ? dtype
          : field === "shape"
            ? shape
            : field === "data_offsets"
              ? offsets
              : undefined;
      if (known !== undefined) this.reportTwice(`Tensor ${quote(name)} has ${field}`, fieldOffset, name);
      if (field === "dtype") dtype = this.readDtype(name);
      else if (field === "shape") shape = this.readSizes(name, "shape");
      else if (field === "data_offsets") offsets = this.readSizes(name, "data_offsets");
      else scanner.skipValue();
    });
    if (dtype === undefined) throw new EntryError(`Tensor ${quote(name)} has no dtype.`);
    if (shape === undefined) throw new EntryError(`Tensor ${quote(name)} has no shape.`);
    if (offsets?.length !== 2)
      throw new EntryError(`Tensor ${quote(name)} has no data_offsets [begin, end].`);
    return {
      name,
      dtype,
      shape: shape.map(Number),
      ...(shape.some((size) => typeof size === "bigint") ? { exactShape: shape.map(BigInt) } : {}),
      begin: Number(offsets[0]),
      end: Number(offsets[1]),
      textOffset: keyOffset,
    };
  }

  private readDtype(name: string): string {
    if (this.scanner.peek() !== 0x22) throw new EntryError(`Tensor ${quote(name)}: dtype must be a string.`);
    const dtype = this.scanner.readString();
    if (dtype.length <= maxDtypeLength) return dtype;
    throw new EntryError(`Tensor ${quote(name)}: dtype has ${dtype.length} characters.`);
  }

  /** An array of unsigned 64-bit integers; those beyond 2^53 stay bigint. */
  private readSizes(name: string, field: "shape" | "data_offsets"): readonly (bigint | number)[] {
    const { scanner } = this;
    const sizes: (bigint | number)[] = [];
    if (scanner.peek() !== 0x5b) throw new EntryError(`Tensor ${quote(name)}: ${field} must be an array.`);
    scanner.readArray(() => {
      if (field === "shape" && sizes.length === maxTensorAxes) {
        throw new EntryError(`Tensor ${quote(name)} has more than ${maxTensorAxes} axes.`, "TooManyAxes");
      }
      if (field === "data_offsets" && sizes.length === 2) {
        throw new EntryError(`Tensor ${quote(name)}: data_offsets must be [begin, end].`);
      }
      sizes.push(this.readSize(name, field));
    });
    return sizes;
  }

  private readSize(name: string, field: string): bigint | number {
    const { scanner } = this;
    if (!scanner.atNumber()) throw new EntryError(`Tensor ${quote(name)}: ${field} must hold integers only.`);
    const { text, integer } = scanner.readNumber();
    const refuse = (reason: string) =>
      new EntryError(`Tensor ${quote(name)}: ${field} holds ${text.slice(0, 40)}, ${reason}.`);
    if (!integer || text.startsWith("-")) throw refuse("but only whole numbers from 0 are allowed");
    const value = Number(text);
    if (Number.isSafeInteger(value)) return value;
    // 2^64 has 20 digits. BigInt takes minutes for a number with millions.
    const exact = text.length > 20 ? undefined : BigInt(text);
    if (exact === undefined || exact > maxU64) throw refuse("more than 64 bits");
    return exact;
  }

  private report(code: string, message: string, textOffset: number, tensor: string | undefined): void {
    this.problems.addLazily(code, () => {
      const offset = this.fileOffset(textOffset);
      return { severity: "error", code, message, offset, ...(tensor === undefined ? {} : { tensor }) };
    });
  }

  /** The reference reader refuses these; the last value is shown, as for tensors that are listed twice. */
  private reportTwice(what: string, textOffset: number, tensor: string | undefined): void {
    this.report("InvalidHeaderDeserialization", `${what} twice.`, textOffset, tensor);
  }

  private fileOffset(textOffset: number): number {
    return headerStart + this.offsets.byteOffset(textOffset);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError(
      "InvalidHeader",
      "The header is not UTF-8 text. The file is damaged.",
      headerStart,
    );
  }
}
