import type { ByteRegion } from "../../bytes/byteRegion";
import type { Problem } from "../../problem/problem";
import type { ContentValue } from "../contentValue";
import type { ImportFinding } from "../importFinding";
import type { FoundValues } from "../pickle/foundValues";
import type { FindStorage } from "./tensorBuilder";

/** A torch file of any kind, read as far as its pickles go; storages are located, not read. */
export interface TorchStream {
  readonly root: ContentValue;
  /** The bytes of the pickle that `root` comes from, in which long bytes stayed. */
  readonly stream: ByteRegion;
  readonly found: FoundValues;
  readonly findStorage: FindStorage;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  /** Where the file should end, where that is known. */
  readonly end?: number | undefined;
}
