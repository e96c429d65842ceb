import type { ByteSource } from "../../bytes/byteSource";
import type { Format, ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { readArchiveSettings } from "../torch/archiveOfFiles";
import { openArchive } from "../torch/torchArchive";
import { readNpz } from "./npz";

const localHeaderBytes = 30;
const headBytes = 64 * 1024;

/**
 * An archive of Stable-Baselines 2 (stable_baselines/common/save_util.py): `data`, which is JSON with settings, and
 * pickles as base64; `parameters`, an archive of arrays; and `parameter_list`, their names in order.
 */
export const baselinesZip: Format = {
  id: "zip",
  extensions: [],
  matches: (head) => memberNames(head, 2).join("/") === "data/parameters",
  parse: readBaselines,
};

/** Names in the local headers at the beginning of an archive of members that are stored as they are. */
function memberNames(head: Uint8Array, count: number): readonly string[] {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const names: string[] = [];
  for (let at = 0; names.length < count && at + localHeaderBytes <= head.length; ) {
    if (view.getUint32(at, true) !== 0x04034b50) break;
    const nameBytes = view.getUint16(at + 26, true);
    const from = at + localHeaderBytes;
    names.push(new TextDecoder().decode(head.subarray(from, from + nameBytes)));
    at = from + nameBytes + view.getUint16(at + 28, true) + view.getUint32(at + 18, true);
  }
  return names;
}

async function readBaselines(
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const archive = await openArchive(source, head, undefined, signal);
  const entry = archive.members.get("parameters");
  if (entry === undefined) return readNpz(source, head, undefined, signal);
  const region = archive.region(entry);
  const member = await region.open(source, signal);
  const memberHead = await member.read(0, Math.min(member.size, headBytes), signal);
  const parsed = await readNpz(member, memberHead, region, signal);
  const look = new Look(source.size, signal);
  await look.intoArchive(archive, { where: undefined, depth: 0 });
  const metadata = await readArchiveSettings(source, archive, look, signal);
  const imports = mergeImports([...look.imports, ...(parsed.imports ?? [])]);
  return {
    ...parsed,
    format: "zip",
    metadata,
    imports,
    problems: [
      ...importProblems(imports),
      ...archive.directory.problems,
      ...parsed.problems,
      ...look.foundProblems,
    ],
  };
}
