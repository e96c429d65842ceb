import type { ByteSource } from "../../bytes/byteSource";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { isJsonArray, isJsonObject, type JsonValue, jsonIn } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { base64Bytes } from "../../text/base64";
import { type ContentValue, FloatValue, ListValue, MapValue } from "../contentValue";
import { mappingOf } from "../contentView";
import type { ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { keyText } from "../pythonText";
import { describePickled } from "./describePickled";
import type { TorchArchive } from "./torchArchive";
import { readContent, readNestedFile } from "./torchContent";

/** Of one archive; those of Stable-Baselines3 have a handful. */
const maxFiles = 64;
const maxTextBytes = 16_000;
const torchFile = /\.(?:pth?|ckpt|th)$/i;
const serializedKey = ":serialized:";

/** The members of an archive that are torch files; none where it holds a data.pkl, which makes it one itself. */
export function torchFilesIn({ directory }: TorchArchive): readonly ZipEntry[] {
  return directory.entries.filter(({ name }) => torchFile.test(name)).slice(0, maxFiles);
}

/**
 * An archive of torch files, as Stable-Baselines3 writes it: `policy.pth`, `policy.optimizer.pth`, and `data`, which
 * is JSON with settings, counters, and pickles as base64. It is shown as one value that has each member by its name.
 */
export async function readArchiveOfFiles(
  source: ByteSource,
  archive: TorchArchive,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const look = new Look(source.size, signal);
  await look.intoArchive(archive, { where: undefined, depth: 0 });
  const root = new MapValue();
  const tensors: Tensor[] = [];
  const byObject = new Map<ContentValue, Tensor>();
  const problems: Problem[] = [];
  for (const entry of torchFilesIn(archive)) {
    signal?.throwIfAborted();
    const key = entry.name.replace(torchFile, "").replaceAll("/", ".");
    try {
      // What it imports was looked at with all other members.
      const again = new Look(source.size, signal);
      const stream = await readNestedFile(source, archive.region(entry), again, 1, signal);
      const content = await readContent(source, stream, again, signal);
      root.set(key, stream.root);
      const named = new Map(
        content.tensors.map((tensor) => [tensor, { ...tensor, name: joined(key, tensor.name) }]),
      );
      tensors.push(...named.values());
      for (const [value, tensor] of content.byObject) byObject.set(value, named.get(tensor) ?? tensor);
      problems.push(...content.problems);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      problems.push({ ...error.toProblem(), message: `${entry.name}: ${error.message}` });
    }
  }
  const metadata = new Map<string, string>();
  for (const entry of archive.directory.entries) {
    if (torchFile.test(entry.name) || entry.name.endsWith("/")) continue;
    const text = await readText(source, archive, entry, signal);
    if (text === undefined) continue;
    const data = entry.name === "data" || entry.name.endsWith(".json") ? jsonIn(text) : undefined;
    if (data !== undefined) root.set(entry.name.replace(/\.json$/, ""), await contentOf(data, look));
    else if (text.length <= maxTextBytes) metadata.set(entry.name, text.trim());
  }
  const imports = mergeImports(look.imports);
  return {
    format: "zip",
    tensors,
    metadata,
    aliases: new Map(),
    content: { root, tensors: byObject, describe: describePickled },
    imports,
    problems: [...importProblems(imports), ...problems, ...look.foundProblems],
  };
}

/** The settings of an archive without torch files, as they are written: its small texts by their names. */
export async function readArchiveSettings(
  source: ByteSource,
  archive: TorchArchive,
  look: Look,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const metadata = new Map<string, string>();
  for (const entry of archive.directory.entries) {
    const text = await readText(source, archive, entry, signal);
    if (text === undefined) continue;
    if (entry.name === "data") {
      const data = jsonIn(text);
      const values = data === undefined ? undefined : mappingOf(await contentOf(data, look));
      for (const [key, value] of values?.entries() ?? []) {
        const given = value instanceof FloatValue ? value.value : value;
        if (given === null || typeof given !== "object") metadata.set(keyText(key), `${given}`);
      }
    } else if (text.length <= maxTextBytes) metadata.set(entry.name, text.trim());
  }
  return metadata;
}

function joined(key: string, name: string): string {
  return name === "" ? key : `${key}.${name}`;
}

/** Undefined for a member that is no text. */
async function readText(
  source: ByteSource,
  archive: TorchArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (entry.size > maxConfigBytes) return undefined;
  try {
    const member = await archive.region(entry).open(source, signal);
    return new TextDecoder("utf-8", { fatal: true }).decode(await member.read(0, member.size, signal));
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** As a value of a file. Pickles that are kept as text are looked into: whoever loads the archive unpickles them. */
async function contentOf(value: JsonValue, look: Look): Promise<ContentValue> {
  if (typeof value === "number") return Number.isInteger(value) ? value : new FloatValue(value);
  if (isJsonArray(value)) {
    const items: ContentValue[] = [];
    for (const item of value) items.push(await contentOf(item, look));
    return new ListValue(items);
  }
  if (!isJsonObject(value)) return value;
  const map = new MapValue();
  for (const [key, member] of value) {
    if (key !== serializedKey || typeof member !== "string") {
      map.set(key, await contentOf(member, look));
      continue;
    }
    const bytes = base64Bytes(member);
    if (bytes !== undefined) await look.intoEncoded(bytes, "data");
    map.set(key, `${member.length} characters of a pickle`);
  }
  return map;
}
