import { type ByteRegion, FileRegion, MemoryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { inflateAll } from "../../bytes/inflate";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes, maxInflatedBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatBytes, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { ContentValue } from "../contentValue";
import { openDcp } from "../dcp/dcpFolder";
import type { FileContent, Format, ParsedFile } from "../format";
import { type ImportFinding, importProblems, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { codeProblems } from "../programs/namedCode";
import { yamlCode } from "../programs/yamlCode";
import { diagnoseImpostor } from "../recognise";
import { isTar, readTarDirectory, type TarDirectory } from "../tar/tarDirectory";
import { readTorchSlice } from "../torch/torchSlice";
import { ArchiveFiles } from "./archiveFiles";
import { joinArchivedRanks } from "./joinArchivedRanks";
import { PlacedInside } from "./placedInside";

/** Archives of NVIDIA NeMo: a tar, which older versions compressed, with a configuration and the weights in it. */
export const nemo: Format = {
  id: "nemo",
  extensions: [".nemo"],
  matches: (head, fileName = "") => isTar(head) || (isGzip(head) && /\.nemo$/i.test(fileName)),
  parse,
};

const weightsFile = /(?:^|\/)model_weights\.(?:ckpt|pt|bin)$/;
const distributedFolder = /^(?:.*\/)?model_weights(?=\/\.metadata$)/;
const configName = /(?:^|\/)model_config\.yaml$/;

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const archive = isTar(head) ? new FileRegion(0, source.size) : await unpack(source, head, signal);
  const opened = await archive.open(source, signal);
  const start = await opened.read(0, Math.min(opened.size, 64 * 1024), signal);
  if (!isTar(start))
    throw new CheckpointError("NotNemo", "What it unpacks to is no tar archive, which a .nemo file is.", 0);
  const directory = await readTarDirectory(opened, signal);
  const files = new ArchiveFiles(source, archive, directory.members);
  const names = directory.members.map(({ name }) => name);
  const weights = names.filter((name) => weightsFile.test(name));
  const folder = names.flatMap((name) => distributedFolder.exec(name)?.[0] ?? [])[0];
  if (weights.length === 0 && folder === undefined) throw withoutWeights(start, directory);
  const metadata = await readConfig(files, names, signal);
  const read =
    folder === undefined
      ? await readMembers(files, weights, metadata, signal)
      : await readFolder(files, folder, signal);
  const look = new Look(opened.size, signal);
  await look.intoTar(opened, directory.members, (name) => weightsFile.test(name));
  const imports = mergeImports([...(read.imports ?? []), ...look.imports]);
  return {
    ...read,
    imports,
    aliases: new Map(),
    metadata,
    problems: [
      ...directory.problems,
      ...read.problems,
      ...importProblems(mergeImports(look.imports)),
      ...look.foundProblems,
      ...(await configCode(files, names, signal)),
      ...leavingMembers(names),
      ...compressedNote(archive),
    ],
  };
}

/** What `model_config.yaml` names is imported and called where the archive is restored. */
async function configCode(
  files: ArchiveFiles,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const name = names.find((each) => configName.test(each));
  if (name === undefined) return [];
  const source = await files.open(name);
  const text = new TextDecoder().decode(await source.read(0, Math.min(source.size, maxConfigBytes), signal));
  return codeProblems(name, yamlCode(text, false));
}

/** NeMo unpacks the archive to a folder; older versions wrote such members beside it. */
function leavingMembers(names: readonly string[]): readonly Problem[] {
  const leaving = names.filter((name) => name.startsWith("/") || name.split("/").includes(".."));
  if (leaving.length === 0) return [];
  const [first = ""] = leaving;
  const message = `${plural(leaving.length, "member")} of the archive, such as ${quote(first)}, would be unpacked to another folder. Nothing was unpacked here.`;
  return [{ severity: "error", code: "MemberOutside", message }];
}

type Weights = Pick<ParsedFile, "tensors" | "problems" | "imports" | "content">;

/** A file of weights, or one a rank of the model in a folder each. */
async function readMembers(
  files: ArchiveFiles,
  names: readonly string[],
  config: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<Weights> {
  const ranks: { readonly name: string; readonly tensors: readonly Tensor[] }[] = [];
  const problems: Problem[] = [];
  const imports: ImportFinding[] = [];
  let content: FileContent | undefined;
  for (const name of names) {
    const region = files.region(name);
    if (region === undefined) continue;
    try {
      const source = await files.open(name);
      const parsed = await readTorchSlice(source, signal);
      const inside = new PlacedInside(() => region);
      ranks.push({ name, tensors: parsed.tensors.map((tensor) => inside.place(tensor)) });
      imports.push(...(parsed.imports ?? []));
      problems.push(...parsed.problems.map((problem) => inMember(problem, name, region)));
      if (names.length === 1) content = placedContent(parsed.content, inside);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      problems.push(inMember(error.toProblem(), name, region));
    }
  }
  const tensors =
    names.length === 1 ? (ranks[0]?.tensors ?? []) : joinArchivedRanks(names, ranks, config, problems);
  return { tensors, problems, imports: mergeImports(imports), ...(content === undefined ? {} : { content }) };
}

function inMember({ offset, ...problem }: Problem, name: string, region: ByteRegion): Problem {
  const message = `${name}: ${problem.message}`;
  return { ...problem, message, ...(offset === undefined ? {} : { offset: region.fileOffset + offset }) };
}

function placedContent(content: FileContent | undefined, inside: PlacedInside): FileContent | undefined {
  if (content === undefined) return undefined;
  const tensors = new Map<ContentValue, Tensor>();
  for (const [value, tensor] of content.tensors) tensors.set(value, inside.place(tensor));
  return { ...content, tensors };
}

/** A folder of torch.distributed.checkpoint in the archive, as newer versions keep large models. */
async function readFolder(files: ArchiveFiles, folder: string, signal?: AbortSignal): Promise<Weights> {
  const parsed = await openDcp({ files, path: folder, entries: await files.list(folder) }, signal);
  const nowhere = new FileRegion(0, 0);
  const inside = new PlacedInside((index) => files.region(parsed.files[index]?.path ?? "") ?? nowhere);
  const content = placedContent(parsed.content, inside);
  return {
    tensors: parsed.tensors.map((tensor) => inside.place(tensor)),
    problems: parsed.problems,
    ...(parsed.imports === undefined ? {} : { imports: parsed.imports }),
    ...(content === undefined ? {} : { content }),
  };
}

function withoutWeights(head: Uint8Array, { members, problems }: TarDirectory): CheckpointError {
  const [damage] = problems;
  if (!members.some(({ name }) => configName.test(name)) || damage === undefined) {
    const impostor = members.some(({ name }) => configName.test(name)) ? undefined : diagnoseImpostor(head);
    const message =
      "The archive has NeMo's model_config.yaml, but no model_weights.ckpt: it was cut, or saved without weights.";
    return impostor ?? new CheckpointError("NoWeights", message, 0);
  }
  return new CheckpointError(damage.code, `${damage.message} No weights stand before that.`, damage.offset);
}

function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The whole archive in memory: what is compressed cannot be read by range. */
async function unpack(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ByteRegion> {
  if (!isGzip(head)) {
    const message = "The name says NeMo, but the file is neither a tar archive nor a compressed one.";
    throw new CheckpointError("NotNemo", message, 0);
  }
  const tooLarge = () => {
    const message = `The archive is compressed (gzip), as NeMo once wrote them: it must be unpacked to be read, and unpacks to more than ${formatBytes(maxInflatedBytes)}. Unpack it (\`tar xzf\`) and open model_weights.ckpt.`;
    return new CheckpointError("CompressedNemo", message, 0);
  };
  if (source.size > maxInflatedBytes) throw tooLarge();
  try {
    const packed = await source.read(0, source.size, signal);
    return new MemoryRegion(await inflateAll(packed, "gzip", maxInflatedBytes), 0);
  } catch (error) {
    if (error instanceof CheckpointError && error.code === "InflatedTooLarge") throw tooLarge();
    if (signal?.aborted || !(error instanceof Error)) throw error;
    throw new CheckpointError(
      "DamagedGzip",
      `The compressed archive is damaged or was cut: ${error.message.replace(/\.$/, "")}.`,
      0,
    );
  }
}

function compressedNote(archive: ByteRegion): Problem[] {
  if (!(archive instanceof MemoryRegion)) return [];
  const message = `The archive is compressed (gzip): it was unpacked in memory (${formatBytes(archive.size)}) to be read. A plain tar is read by range.`;
  return [{ severity: "info", code: "CompressedNemo", message }];
}

/** The plain settings at the top of model_config.yaml, such as what class the model is of. */
async function readConfig(
  files: ArchiveFiles,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const metadata = new Map<string, string>();
  const name = names.find((each) => configName.test(each));
  if (name === undefined) return metadata;
  try {
    const source = await files.open(name);
    const text = new TextDecoder().decode(
      await source.read(0, Math.min(source.size, maxConfigBytes), signal),
    );
    for (const [, key = "", value = ""] of text.matchAll(
      /^([A-Za-z_]\w{0,60}):[ \t]+([^\s#|>&*![{][^\r\n]{0,200})$/gm,
    )) {
      metadata.set(
        key,
        value
          .replace(/\s+#.*$/, "")
          .replace(/^(["'])(.*)\1$/, "$2")
          .trim(),
      );
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    metadata.set("model_config.yaml", `cannot be read: ${quote(error.message.slice(0, 200))}`);
  }
  return metadata;
}
