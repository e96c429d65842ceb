import type { OpenByteSource } from "../../bytes/byteSource";
import type { Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { BytesValue, type ContentValue } from "../contentValue";
import { unpickle } from "../pickle/unpickle";
import { readTorchSlice } from "../torch/torchSlice";
import type { DcpFiles } from "./dcpFiles";
import { openItem } from "./dcpItem";
import type { DcpItem, DcpMetadata } from "./dcpMetadata";
import type { StateEntry } from "./stateTree";

/** Values that are read for what they say of the training: each takes reads of its own. */
const maxValues = 1000;
/** A data loader's state may be a list of every sample; a schedule or a step is small. */
const maxValueBytes = 4_000_000;
const parallelReads = 8;

export interface DcpState {
  readonly metadata: DcpMetadata;
  readonly files: DcpFiles;
  readonly entries: readonly StateEntry[];
}

/** The entries with their values that are no tensors. Those that cannot be read are left as they are. */
export async function readDcpValues(
  files: Files,
  { metadata, files: members, entries }: DcpState,
  signal?: AbortSignal,
): Promise<readonly StateEntry[]> {
  const open = new Map<string, Promise<OpenByteSource>>();
  const sourceOf = (path: string) => {
    const known = open.get(path);
    if (known !== undefined) return known;
    const opened = files.open(path);
    open.set(path, opened);
    return opened;
  };
  const wanted = metadata.values
    .flatMap((name) => {
      const item = metadata.items.get(name);
      const index = item === undefined ? undefined : members.indexOf.get(item.file);
      const file = index === undefined ? undefined : members.list[index];
      return item === undefined || file?.status !== "ok" || item.length > maxValueBytes
        ? []
        : [{ name, item, path: file.path }];
    })
    .slice(0, maxValues);
  try {
    const read = await mapParallel(wanted, parallelReads, async ({ name, item, path }) => {
      try {
        return [name, await readValue(await sourceOf(path), item, signal)] as const;
      } catch {
        signal?.throwIfAborted();
        // What cannot be read is told when the folder is verified; here it only says less of the training.
        return [name, undefined] as const;
      }
    });
    const values = new Map(read);
    return entries.map((entry) => {
      const value = entry.tensor === undefined ? values.get(entry.name) : undefined;
      return value === undefined ? entry : { ...entry, value };
    });
  } finally {
    const opened = await Promise.allSettled(open.values());
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)));
  }
}

async function readValue(
  file: OpenByteSource,
  item: DcpItem,
  signal?: AbortSignal,
): Promise<ContentValue | undefined> {
  const { content } = await readTorchSlice(await openItem(file, item, signal), signal);
  return unwrapped(content?.root);
}

/** torchdata saves the state of its data loader as a pickle in bytes. */
function unwrapped(value: ContentValue | undefined): ContentValue | undefined {
  if (!(value instanceof BytesValue) || value.bytes === undefined) return value;
  const inner = unpickle(value.bytes);
  return inner.failure === undefined && inner.value !== undefined ? inner.value : value;
}
