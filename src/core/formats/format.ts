import type { ByteSource } from "../bytes/byteSource";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import type { ContentValue, ForeignValue } from "./contentValue";
import type { formatLabels } from "./formatLabel";
import type { ImportFinding } from "./importFinding";

export type FormatId = keyof typeof formatLabels;

/** What a file holds besides tensors, where it is more than a list of them: the value that was saved, inert. */
export interface FileContent {
  readonly root: ContentValue;
  /** The tensor that an object in `root` stands for. */
  readonly tensors: ReadonlyMap<ContentValue, Tensor>;
  readonly describe?: DescribeForeign;
  /** Names of the tensors that are the model's own, buffers among them, where the format tells them from the rest. */
  readonly parameters?: ReadonlySet<string>;
}

/** What only a format knows of an object of its own. */
export interface ForeignDescription {
  /** What its type is called. */
  readonly type: string;
  /** The value in a line, where it is more than its parts. */
  readonly text?: string | undefined;
  /** The value that a member of an enum stands for. */
  readonly member?: string | undefined;
}

export type DescribeForeign = (value: ForeignValue) => ForeignDescription | undefined;

/** Where the values of a tensor are that stand in another file, by the word of a stranger. */
export interface OutsideValues {
  /** Of the file, from the folder of the one that names it. */
  readonly location: string;
  readonly offset: number;
  /** Undefined where it is not said. */
  readonly length: number | undefined;
}

/** What a format's reader finds in one file. */
export interface ParsedFile {
  /** Where the file turned out to be of another kind than its first bytes say. */
  readonly format?: FormatId;
  /** In the order of their bytes, or of the value that holds them; `fileIndex` is 0. */
  readonly tensors: readonly Tensor[];
  /** Free text key/value pairs that the file carries. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names that were saved as another tensor, because both share their storage: alias → kept name. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Tensors whose values stand in other files, by their names. */
  readonly outside?: ReadonlyMap<string, OutsideValues>;
  readonly content?: FileContent;
  /**
   * Parameters that tensors stand for by their names, where the file says so and their elements are others: packed
   * weights unpacked, none of scales and zero points.
   */
  readonly standsFor?: ReadonlyMap<string, number>;
  /** What loading the file in Python would import, worst first; undefined for formats that import nothing. */
  readonly imports?: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** A reader for one kind of file. Register it in registry.ts. */
export interface Format {
  readonly id: FormatId;
  /** Endings, with the dot, by which a damaged file is still known for what it should be. */
  readonly extensions: readonly string[];
  /** Recognises the file by its first bytes; the name tells apart what begins alike. */
  matches(head: Uint8Array, fileName?: string): boolean;
  /**
   * Reads the directory of the file, never the tensors. `head` holds the first bytes, which were already read
   * to recognise it.
   * @throws CheckpointError when nothing can be shown.
   */
  parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile>;
}
