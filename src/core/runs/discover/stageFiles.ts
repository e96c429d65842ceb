import { joinPath } from "../../bytes/paths";
import { agentArchive, bareNet } from "../../formats/fileKinds";
import { addTo } from "../../lists/addTo";
import { classifyEntry } from "../../parts/parts";
import { parseStageFileName, stemOfFile } from "../../progress/checkpointNames";
import type { Candidate, CandidateGroup } from "./candidate";
import type { Folder } from "./walkFolders";

const singleFile = /\.(?:safetensors|gguf|pdparams|cleanrl_model|(?:pt|pth|ckpt)(?:\.tar)?)$/i;
const otherSingleFile =
  /^(?:adapter_model|pytorch_model|pytorch_lora_weights)(?:[.-].*)?\.bin$|^adapters\.npz$|^network-snapshot-\d+\.pkl$|^policy_state\.pkl$/;
const index = /^(.+\.(?:safetensors|bin))\.index\.json$/;
/** TensorFlow's, of which the values lie in `ckpt-1.data-00000-of-00001` beside it. */
const bundleIndex = /^(.+)\.index$/;
const namesCheckpoint = /ckpt|checkpoint|^cp[-_.]?\d/i;
const shard = /^(.+)-\d{4,6}-of-\d{4,6}(\.\w+)$/;

/** Names that a library gives to what training ended with, beside numbered ones. */
const finalNames = /^(?:adapters\.(?:safetensors|npz)|pytorch_lora_weights\.(?:safetensors|bin)|final\.\w+)$/;

/** A folder of a hundred thousand .pt files is a data set; the first ones are enough to see that. */
const maxFilesOfFolder = 500;

/**
 * The checkpoints that are single files of a folder: a group for each of kohya's series, and one for the
 * rest, so that nothing is hidden. Shards of one model are one checkpoint.
 */
export function groupStageFiles(folder: Folder): CandidateGroup[] {
  const sets = shardSets(folder);
  const candidates = sets.slice(0, maxFilesOfFolder).map((fileNames) => fileCandidate(folder, fileNames));
  const omitted = sets.length - candidates.length;
  const seriesNames = new Set(candidates.flatMap(({ name }) => parseStageFileName(name).series ?? []));
  const bySeries = new Map<string | undefined, Candidate[]>();
  for (const candidate of candidates) {
    const stem = stemOfFile(candidate.name);
    const series = parseStageFileName(candidate.name).series ?? (seriesNames.has(stem) ? stem : undefined);
    addTo(bySeries, series, candidate);
  }
  return [...bySeries].map(([series, members]) => {
    const last = members.find(({ name, moment }) =>
      series === undefined ? members.length > 1 && finalNames.test(name) : isUnnumbered(moment),
    );
    return {
      kind: "files",
      folder,
      members,
      omitted,
      ...(series === undefined ? {} : { series }),
      ...(last === undefined ? {} : { finalPath: last.path }),
    };
  });
}

/** Names of files that are one model; the index of shards comes first. */
function shardSets({ files }: Folder): string[][] {
  const sets = new Map<string, string[]>();
  for (const file of files) {
    const { name } = file;
    const indexed = index.exec(name)?.[1];
    const bundle = bundleIndex.exec(name)?.[1];
    if (bundle !== undefined) {
      const own = files
        .filter((other) => other.name.startsWith(`${bundle}.data-`))
        .map((other) => other.name);
      // Without its values it is a checkpoint all the same, which a search names; other programs write indexes too.
      if (own.length > 0 || namesCheckpoint.test(bundle)) sets.set(`many:${bundle}`, [name, ...own]);
      continue;
    }
    const isSingle =
      singleFile.test(name) || otherSingleFile.test(name) || bareNet.test(name) || agentArchive.test(name);
    if (indexed === undefined && !isSingle) continue;
    const { part } = classifyEntry(file);
    if (part !== "weights" && part !== "adapter") continue;
    const whole = indexed ?? name.replace(shard, "$1$2");
    const isPartOfMany = indexed !== undefined || whole !== name;
    // A whole file beside an index of the same name is a model of its own.
    const key = isPartOfMany ? `many:${whole}` : `one:${name}`;
    addTo(sets, key, name);
  }
  const indexFirst = (a: string, b: string) => Number(isIndex(b)) - Number(isIndex(a));
  return [...sets.values()].map((names) => names.sort(indexFirst));
}

function isIndex(name: string): boolean {
  return index.test(name) || bundleIndex.test(name);
}

function fileCandidate(folder: Folder, fileNames: readonly string[]): Candidate {
  const name = fileNames[0] ?? "";
  const { series: _, ...moment } = parseStageFileName(
    name.replace(index, "$1").replace(bundleIndex, "$1").replace(shard, "$1$2"),
  );
  const path = joinPath(folder.path, name);
  return { kind: "file", path, name, folder, fileNames, partFolders: [], moment, temporary: false };
}

function isUnnumbered({ step, epoch }: Candidate["moment"]): boolean {
  return step === undefined && epoch === undefined;
}
