import { RangeByteSource } from "../../bytes/byteRange";
import type { Files } from "../../bytes/files";
import { baseName } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { type ImportFinding, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { otherMembers } from "../torch/otherMembers";
import { openArchive, pickleMember, type TorchArchive } from "../torch/torchArchive";
import { readTorchZip } from "../torch/torchZipStream";

/** Items that are looked into in one file: each takes a read of its end. */
const maxItems = 256;

/**
 * What Python would import from files of items that no `.metadata` lists. Each item is an archive of torch, and one
 * stands behind the other: they are found from the end of the file, as far as that goes.
 */
export async function importsOfUnlisted(
  files: Files,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<readonly ImportFinding[]> {
  const found: ImportFinding[] = [];
  for (const path of paths) {
    const source = await files.open(path);
    try {
      const look = new Look(source.size, signal);
      let end = source.size;
      try {
        for (let items = 0; end > 0 && items < maxItems; items++) {
          const rest = new RangeByteSource(source, 0, end);
          const archive = await openArchive(rest, new Uint8Array(), undefined, signal);
          found.push(...(await importsOfItem(archive, look, baseName(path), signal)));
          end = archive.directory.prefixBytes;
        }
      } catch (error) {
        if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
      }
      found.push(...look.imports);
    } finally {
      await source.close();
    }
  }
  return mergeImports(found);
}

async function importsOfItem(
  archive: TorchArchive,
  look: Look,
  file: string,
  signal?: AbortSignal,
): Promise<readonly ImportFinding[]> {
  const { imports, found } = await readTorchZip(archive, signal);
  // Values to which the pickle refers are numbers, which may begin like anything.
  const others = otherMembers(archive, pickleMember(archive), found.persistentIds);
  await look.intoMembers(archive, others, { where: file, depth: 0 });
  return imports.map((finding) => ({ ...finding, where: file }));
}
