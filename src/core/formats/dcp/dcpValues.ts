import type { OpenByteSource } from "../../bytes/byteSource";
import type { Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { maxListedProblems } from "../../problem/limits";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { BytesValue, type ContentValue } from "../contentValue";
import { type ImportFinding, mergeImports } from "../importFinding";
import { unpickle } from "../pickle/unpickle";
import { readTorchSlice } from "../torch/torchSlice";
import type { DcpFiles } from "./dcpFiles";
import { openItem } from "./dcpItem";
import type { DcpMetadata } from "./dcpMetadata";
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

/** Entries of a state dict with the values that were read, and what reading them told. */
export interface ReadEntries {
  readonly entries: readonly StateEntry[];
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** The entries with their values that are no tensors. Those that cannot be read are left as they are, and told. */
export async function readDcpValues(
  files: Files,
  { metadata, files: members, entries }: DcpState,
  signal?: AbortSignal,
): Promise<ReadEntries> {
  const open = new Map<string, Promise<OpenByteSource>>();
  const sourceOf = (path: string) => {
    const known = open.get(path);
    if (known !== undefined) return known;
    const opened = files.open(path);
    open.set(path, opened);
    return opened;
  };
  const imports: ImportFinding[] = [];
  const problems = new ProblemList(maxListedProblems);
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
        const { content, imports: found = [] } = await readTorchSlice(
          await openItem(await sourceOf(path), item, signal),
          signal,
        );
        const where = `the value ${quote(name.slice(0, 200))}`;
        imports.push(...found.map((finding) => ({ ...finding, where })));
        return [name, unwrapped(content?.root)] as const;
      } catch (error) {
        signal?.throwIfAborted();
        const reason = messageOf(error);
        const message = `The value ${quote(name.slice(0, 200))} cannot be read: ${reason}`;
        problems.add({ severity: "error", code: "UnreadableValue", message, file: path });
        return [name, undefined] as const;
      }
    });
    const passedOver = metadata.values.length - wanted.length;
    if (passedOver > 0) {
      const message = `${plural(passedOver, "value")} that are no tensors were not looked into: they are large or many, or missing.`;
      problems.add({ severity: "info", code: "ValuesNotRead", message });
    }
    const values = new Map(read);
    const filled = entries.map((entry) => {
      const value = entry.tensor === undefined ? values.get(entry.name) : undefined;
      return value === undefined ? entry : { ...entry, value };
    });
    return { entries: filled, imports: mergeImports(imports), problems: problems.toArray() };
  } finally {
    const opened = await Promise.allSettled(open.values());
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)));
  }
}

/** torchdata saves the state of its data loader as a pickle in bytes. */
function unwrapped(value: ContentValue | undefined): ContentValue | undefined {
  if (!(value instanceof BytesValue) || value.bytes === undefined) return value;
  const inner = unpickle(value.bytes);
  return inner.failure === undefined && inner.value !== undefined ? inner.value : value;
}
