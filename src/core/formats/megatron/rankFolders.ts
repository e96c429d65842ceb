import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, parallelShardReads } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import { MapValue } from "../contentValue";
import { mappingOf, numberOf } from "../contentView";
import type { FolderListing, ParsedFolder } from "../folderFormat";
import type { FileContent, ParsedFile } from "../format";
import { mergeImports } from "../importFinding";
import { modelValue } from "../joinedValue";
import { byNameOf, openFolderFiles } from "../openFolderFiles";
import { bufferOptimizer } from "./bufferOptimizer";
import { type JoinedModelRanks, joinModelRanks, type LoadedPlace } from "./joinModelRanks";
import {
  isRankFolder,
  type MegatronSettings,
  type ModelChunk,
  megatronSettings,
  modelChunks,
  type RankPlace,
  rankPlaces,
} from "./rankModel";
import { joinedOptimizer, type RankOptimizer, rankOptimizer } from "./rankOptimizer";
import { reportApart } from "./reportApart";

const bufferFile = "distrib_optim.pt";
const modelFile = /^model_(?:optim_)?rng\.pt$/;

/** Reads a checkpoint that has a folder for each rank of the model (megatron/training/checkpointing.py). */
export async function openRankFolders(
  { files: system, path, entries }: FolderListing,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const problems = new ProblemList(maxListedProblems);
  const report = (problem: Problem) => problems.add(problem);
  const folders = entries.flatMap(({ name, kind }) =>
    kind === "directory" && isRankFolder(name) ? [name] : [],
  );
  const found = await mapParallel(folders, parallelShardReads, async (folder) => {
    const inside = await system.list(joinPath(path, folder)).catch(() => []);
    return { folder, names: inside.flatMap(({ name, kind }) => (kind === "file" ? [name] : [])) };
  });
  const fileOf = new Map(
    found.flatMap(({ folder, names }) => {
      const name = names.find((each) => modelFile.test(each));
      return name === undefined ? [] : [[folder, `${folder}/${name}`] as const];
    }),
  );
  const bufferFiles = found.flatMap(({ folder, names }) =>
    names.includes(bufferFile) && fileOf.has(folder) ? [`${folder}/${bufferFile}`] : [],
  );
  const names = [...fileOf.values()];
  if (names.length === 0) {
    const message =
      "No rank's folder holds a model_optim_rng.pt: the folder is laid out as Megatron-LM does, without the model.";
    throw new CheckpointError("NoWeights", message, undefined, path);
  }
  const opened = await openFolderFiles(
    { files: system, path },
    [...names, ...bufferFiles],
    (name) => name.slice(0, name.indexOf("/")),
    report,
    signal,
  );
  const byName = byNameOf(opened);
  const first = opened.slice(0, names.length).find(({ parsed }) => parsed?.content !== undefined)
    ?.parsed?.content;
  const settings = first === undefined ? undefined : megatronSettings(first);
  const files: CheckpointFile[] = opened.map(({ file }) => file);
  const hasPipeline = (settings?.pipelineSize ?? 1) > 1;
  const there = placesOfModel(rankPlaces(folders, hasPipeline), settings, report);
  const sizes = sizesOf(there, settings);
  const optimizers: (RankOptimizer | string)[] = [];
  const withStates = (place: RankPlace, parsed: ParsedFile | undefined): readonly ModelChunk[] => {
    const chunks = modelChunks(parsed?.tensors ?? []);
    const { content } = parsed ?? {};
    if (content === undefined || mappingOf(content.root)?.has("optimizer") !== true) return chunks;
    const buffers = byName.get(`${place.folder}/${bufferFile}`);
    const saved = buffers?.file.parsed?.content;
    const optimizer =
      buffers === undefined || saved === undefined
        ? rankOptimizer(content, chunks)
        : bufferOptimizer(saved, buffers.index, chunks, content, place.pipeline === 0);
    optimizers.push(optimizer);
    if (typeof optimizer === "string") return chunks;
    return chunks.map((chunk, at) => ({ ...chunk, states: optimizer.chunks[at] ?? new Map() }));
  };
  const places = allPlaces(there, sizes).map((place): LoadedPlace => {
    const name = fileOf.get(place.folder);
    const file = name === undefined ? undefined : byName.get(name);
    const reason = file === undefined ? "is missing" : file.file.failure;
    if (file !== undefined && reason === undefined) {
      return { ...place, fileIndex: file.index, chunks: withStates(place, file.file.parsed) };
    }
    let fileIndex = file?.index ?? 0;
    if (file === undefined) {
      const missing = `${place.folder}/model_optim_rng.pt`;
      files.push({
        name: missing,
        path: joinPath(path, place.folder, "model_optim_rng.pt"),
        bytes: 0,
        status: "missing",
        rank: place.folder,
      });
      fileIndex = files.length - 1;
      const message = `${missing} is missing: Megatron-LM cannot load the checkpoint, and what this rank holds cannot be read.`;
      report({ severity: "error", code: "MissingRank", message, file: joinPath(path, place.folder) });
    }
    return { ...place, fileIndex, chunks: [], absent: `the file of ${place.folder} ${reason}` };
  });
  const joined = joinModelRanks(places, {
    layers: undefined,
    gated: undefined,
    version: 0,
    iteration: undefined,
    ...settings,
    ...sizes,
  });
  reportApart(joined.apart, report);
  reportOptimizer(optimizers, joined.moments.length, report);
  const { tensorSize, pipelineSize, expertSize } = sizes;
  return {
    format: "megatron-legacy",
    files,
    tensors: [...joined.tensors, ...joined.moments.map(({ tensor }) => tensor)],
    aliases: new Map(),
    metadata: new Map(),
    ...(first === undefined ? {} : { content: withJoined(first, joined, optimizers) }),
    imports: mergeImports(opened.flatMap(({ parsed }) => parsed?.imports ?? [])),
    problems: problems.toArray(),
    rankSteps: opened.flatMap(({ parsed }, fileIndex) => {
      const step = numberOf(mappingOf(parsed?.content?.root)?.get("iteration"));
      return step === undefined ? [] : [{ fileIndex, counter: "iteration", step }];
    }),
    layout: {
      label: "Megatron-LM",
      load: {
        sentence:
          "Megatron-LM loads it with --load and the same tensor, pipeline and expert sizes; tools/checkpoint/convert.py writes it for others.",
      },
      parallel: {
        tp: tensorSize,
        pp: pipelineSize,
        ...(expertSize > 1 ? { ep: expertSize } : {}),
      },
    },
  };
}

type ModelSizes = Pick<MegatronSettings, "tensorSize" | "pipelineSize" | "expertSize">;

/** Ranks that are there count, whatever the arguments say. */
function sizesOf(there: readonly RankPlace[], settings: ModelSizes | undefined): ModelSizes {
  return {
    tensorSize: Math.max(settings?.tensorSize ?? 1, ...there.map(({ tensor }) => tensor + 1)),
    pipelineSize: Math.max(settings?.pipelineSize ?? 1, ...there.map(({ pipeline }) => pipeline + 1)),
    expertSize: Math.max(settings?.expertSize ?? 1, ...there.map(({ expert }) => expert + 1)),
  };
}

/** So many times the ranks that are there are never missing: a stray number is damage. */
const mostMissingTimes = 8;
const fewRanks = 256;

/** Without folders whose numbers would make a model of far more ranks than are there and than the arguments tell. */
function placesOfModel(
  there: readonly RankPlace[],
  settings: ModelSizes | undefined,
  report: (problem: Problem) => void,
): readonly RankPlace[] {
  const { tensorSize, pipelineSize, expertSize } = sizesOf(there, settings);
  const most = Math.max(fewRanks, mostMissingTimes * there.length);
  if (settings === undefined || tensorSize * pipelineSize * expertSize <= most) return there;
  const own = there.filter(
    ({ tensor, pipeline, expert }) =>
      tensor < settings.tensorSize && pipeline < settings.pipelineSize && expert < settings.expertSize,
  );
  const stray = there.find((place) => !own.includes(place));
  if (own.length === 0 || stray === undefined) return there;
  const message = `${plural(there.length - own.length, "folder")}, such as ${quote(stray.folder)}, ${there.length - own.length === 1 ? "is" : "are"} of no rank that the arguments of the training count: not joined.`;
  report({ severity: "warning", code: "ExtraRanks", message });
  return own;
}

/** Those that are there and those that should be. */
function allPlaces(
  there: readonly RankPlace[],
  { tensorSize, pipelineSize, expertSize }: { tensorSize: number; pipelineSize: number; expertSize: number },
): readonly RankPlace[] {
  const key = ({ tensor, pipeline, expert }: Omit<RankPlace, "folder">) => `${tensor} ${pipeline} ${expert}`;
  const known = new Map(there.map((place) => [key(place), place]));
  const two = (number: number, width: number) => String(number).padStart(width, "0");
  const all: RankPlace[] = [];
  // Damaged arguments must not make millions of ranks.
  if (tensorSize * pipelineSize * expertSize > maxRanks) return there;
  for (let pipeline = 0; pipeline < pipelineSize; pipeline++) {
    for (let expert = 0; expert < expertSize; expert++) {
      for (let tensor = 0; tensor < tensorSize; tensor++) {
        const place = { tensor, pipeline, expert };
        const folder = `mp_rank_${two(tensor, 2)}${pipelineSize > 1 ? `_${two(pipeline, 3)}` : ""}${expertSize > 1 ? `_${two(expert, 3)}` : ""}`;
        all.push(known.get(key(place)) ?? { folder, ...place });
      }
    }
  }
  return all;
}

const maxRanks = 2048;

/** Arguments, schedule, random states and progress, of the first rank that is there, with what is joined. */
function withJoined(
  content: FileContent,
  { tensors: weights, moments }: JoinedModelRanks,
  optimizers: readonly (RankOptimizer | string)[],
): FileContent {
  const root = new MapValue();
  const tensors = new Map(content.tensors);
  root.set("model", modelValue(weights, tensors));
  const first = optimizers.find((each) => typeof each !== "string");
  if (first !== undefined && moments.length > 0)
    root.set("optimizer", joinedOptimizer(first, moments, tensors));
  for (const [key, value] of mappingOf(content.root)?.entries() ?? []) {
    if (typeof key !== "string" || !/^(?:model\d*|optimizer)$/.test(key)) root.set(key, value);
  }
  return { ...content, root, tensors };
}

function reportOptimizer(
  optimizers: readonly (RankOptimizer | string)[],
  moments: number,
  report: (problem: Problem) => void,
): void {
  const reason = optimizers.find((each) => typeof each === "string");
  if (reason !== undefined) {
    const message = `The optimizer's state is kept for each rank without names of parameters, and is not joined: ${reason}. Open a rank's file to look into it.`;
    report({ severity: "info", code: "OptimizerApart", message });
  } else if (moments > 0) {
    const message =
      "The optimizer's state is kept without names: it is joined by the order in which Megatron-LM goes through the model's parameters, whose counts and shapes fit.";
    report({ severity: "info", code: "OptimizerByOrder", message });
  }
}
