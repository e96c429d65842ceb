import { openZipEntry } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import { maxInflatedBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { Format, ParsedFile } from "../format";
import { readHdf5 } from "../hdf5/hdf5";
import { readNpz } from "../numpy/npz";
import { openArchive, type TorchArchive } from "../torch/torchArchive";
import { torchZip } from "../torch/torchZip";
import { trainingTree } from "../trainingTree";
import { compiledWith } from "./compiledWith";
import { kerasTensors } from "./kerasMoments";
import { kerasStandsFor } from "./kerasQuantised";

/** Settings of a model with a hundred layers take some 100 kB. */
const maxSettingsBytes = 4_000_000;

const ownMembers: ReadonlySet<string> = new Set([
  "metadata.json",
  "config.json",
  "model.weights.h5",
  "model.weights.npz",
]);

/** Keras 3 (`saving_lib.py`): a zip of the model's description and of its weights as HDF5, or as a NumPy archive. */
export const kerasZip: Format = {
  id: "keras",
  extensions: [".keras"],
  matches: (head) => ownMembers.has(firstMember(head) ?? ""),
  parse,
};

/** The name in the first member's local header (APPNOTE 4.3.7). */
function firstMember(head: Uint8Array): string | undefined {
  if (head.length < 30 || head[0] !== 0x50 || head[1] !== 0x4b || head[2] !== 3 || head[3] !== 4)
    return undefined;
  const length = (head[26] as number) + 256 * (head[27] as number);
  return new TextDecoder().decode(head.subarray(30, 30 + length));
}

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const archive = await openArchive(source, head, undefined, signal);
  const weights = archive.members.get("model.weights.h5") ?? archive.members.get("model.weights.npz");
  // Whatever else is in a zip of these names is torch's to tell, and so is a pickle among them.
  const hasPickle = archive.directory.entries.some(({ name }) => /\.pkl$/i.test(name));
  if (weights === undefined && !hasPickle && isKeras(archive)) {
    const message =
      "The archive holds Keras' settings and no weights (model.weights.h5): they were not saved, or were taken out.";
    throw new CheckpointError("KerasWithoutWeights", message);
  }
  if (weights === undefined || hasPickle) return torchZip.parse(source, head, signal);
  const inner = await readWeights(archive, weights, signal);
  const metadata = new Map<string, string>();
  const problems: Problem[] = [...archive.directory.problems];
  if (inner.tensors.some(({ dtype }) => dtype === "O"))
    problems.push({
      severity: "warning",
      code: "PickledWeights",
      message: `${quote(weights.name)} holds pickled objects of Keras, which are never loaded: its values are not read. Save the model with its weights as HDF5.`,
      offset: weights.localHeaderOffset,
    });
  await addSettings(archive, metadata, problems, signal);
  for (const [key, value] of inner.metadata) metadata.set(key, value);
  const compiled = compiledWith(metadata.get("model_config"), "compile_config", "optimizer");
  const sorted = kerasTensors(inner.tensors, compiled);
  const said = compiled === undefined ? {} : { className: compiled.className };
  const content = trainingTree(inner.tensors, { ...sorted, ...said });
  return {
    ...inner,
    ...(content === undefined ? {} : { content }),
    standsFor: kerasStandsFor(inner.tensors),
    metadata,
    problems: [...problems, ...inner.problems],
  };
}

function isKeras({ members }: TorchArchive): boolean {
  return members.has("config.json") && members.has("metadata.json");
}

async function readWeights(
  archive: TorchArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  if (entry.method !== 0 && entry.size > maxInflatedBytes) {
    const message = `The weights (${quote(entry.name)}, ${formatBytes(entry.size)}) are compressed inside the archive; they can be read in place only where they are stored, as Keras does. Unpack them and open them.`;
    throw new CheckpointError("CompressedWeights", message, entry.localHeaderOffset);
  }
  const member = await openZipEntry(archive.source, entry, signal);
  const region = archive.region(entry);
  if (entry.name.endsWith(".h5")) return readHdf5(member, region, signal);
  const head = await member.read(0, Math.min(member.size, 64 * 1024), signal);
  return readNpz(member, head, region, signal);
}

/** What metadata.json says, and the model's description in one entry. */
async function addSettings(
  archive: TorchArchive,
  metadata: Map<string, string>,
  problems: Problem[],
  signal?: AbortSignal,
): Promise<void> {
  for (const name of ["metadata.json", "config.json"]) {
    const entry = archive.members.get(name);
    if (entry === undefined && name === "config.json") {
      const message =
        "The archive has no config.json, by which Keras makes the model: load_model stops; load_weights can fill a model that was made otherwise.";
      problems.push({ severity: "warning", code: "KerasConfigMissing", message });
    }
    if (entry === undefined || entry.size > maxSettingsBytes) continue;
    try {
      const member = await openZipEntry(archive.source, entry, signal);
      const text = new TextDecoder().decode(await member.read(0, member.size, signal));
      if (name === "config.json") metadata.set("model_config", text);
      else
        for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, unknown>))
          metadata.set(key, typeof value === "string" ? value : JSON.stringify(value));
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof SyntaxError)) throw error;
      const message = `${quote(name)} in the archive cannot be read: ${error.message}`;
      problems.push({
        severity: "warning",
        code: "UnreadableSettings",
        message,
        offset: entry.localHeaderOffset,
      });
    }
  }
}
