import type { Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import type { ContentValue, MapValue } from "../formats/contentValue";
import { mappingOf, membersOf, numberOf } from "../formats/contentView";
import { isRankFolder } from "../formats/megatron/rankModel";
import { formatCount, plural } from "../text/quantities";
import { judged, type LayoutFindings, type ListedFile, listOrNothing } from "./layoutFindings";
import type { PartOpener } from "./openedParts";
import type { ResumeCheck, ResumeTopic } from "./resumeReport";

const fileName = "model_optim_rng.pt";
const bufferFile = "distrib_optim.pt";
const maxOpened = 16;

/**
 * A checkpoint of Megatron-LM: a folder for each rank of the model, each with one file for everything
 * (formats.md §7). Undefined where the folder is none.
 */
export async function megatronState(
  files: Files,
  { folder, files: entries }: ListedFolder,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  const isRank = entries.some(({ name }) => name === fileName);
  const ranks = isRank ? [folder] : rankFolders(entries);
  if (ranks.length === 0) {
    const iteration = await chosenIteration(files, folder, entries);
    return iteration === undefined ? undefined : megatronState(files, iteration, opener);
  }
  const absent: string[] = [];
  const withoutBuffers: string[] = [];
  let first: MapValue | undefined;
  for (const rank of ranks.slice(0, maxOpened)) {
    const path = joinPath(rank, fileName);
    const label = path.slice(folder.length + 1);
    if ((await files.stat(path)) === undefined) absent.push(label);
    else first ??= mappingOf((await opener.open(path, label, "parameters"))?.content?.root);
    const buffers = joinPath(rank, bufferFile);
    if ((await files.stat(buffers)) === undefined) withoutBuffers.push(buffers.slice(folder.length + 1));
  }
  const [missing] = absent;
  const [broken] = opener.broken;
  const reason =
    broken === undefined ? missing && `${missing} is missing.` : `${broken.name} ${broken.reason}`;
  const parameters =
    reason === undefined ? checkRanks(ranks.length, isRank, first) : judged("Parameters", "error", reason);
  const iteration = numberOf(first?.get("iteration"));
  return {
    checks: [
      parameters,
      keepsBuffers(first) && withoutBuffers[0] !== undefined
        ? judged(
            "Optimizer state",
            "missing",
            `The moments are kept in ${withoutBuffers[0]}, which is not here: they start cold.`,
          )
        : part("Optimizer state", first, "optimizer", "the moments start cold"),
      part("Schedule", first, "opt_param_scheduler", "the learning rate starts over"),
      part("Random state", first, "rng_state", "dropout and the order of the data differ"),
    ],
    progress: iteration === undefined ? undefined : { place: "iteration", step: iteration, epoch: undefined },
    worldSize: undefined,
    steps: iteration === undefined ? [] : [{ who: "iteration", step: iteration }],
  };
}

export interface ListedFolder {
  readonly folder: string;
  readonly files: readonly ListedFile[];
}

function rankFolders(entries: readonly ListedFile[]): readonly string[] {
  return entries.flatMap(({ kind, name, path }) =>
    kind === "directory" && isRankFolder(name) ? [path] : [],
  );
}

const trackerName = "latest_checkpointed_iteration.txt";
const maxTrackerBytes = 1000;

/** The folder of the iteration that a run's tracker names. */
export async function chosenIteration(
  files: Files,
  folder: string,
  entries: readonly ListedFile[],
): Promise<ListedFolder | undefined> {
  if (!entries.some(({ name }) => name === trackerName)) return undefined;
  const told = (await readText(files, joinPath(folder, trackerName), maxTrackerBytes).catch(() => "")).trim();
  const named = entries.find(
    ({ kind, name }) =>
      kind === "directory" &&
      (told === "release" ? name === told : Number(/^iter_(\d+)$/.exec(name)?.[1] ?? -1) === Number(told)),
  );
  if (named === undefined || told === "") return undefined;
  return { folder: named.path, files: await listOrNothing(files, named.path) };
}

function checkRanks(count: number, isRank: boolean, root: MapValue | undefined): ResumeCheck {
  const args = root?.get("args");
  const settings = membersOf(args);
  const size = (key: string) => numberOf(settings?.get(key)) ?? 1;
  const expected = size("tensor_model_parallel_size") * size("pipeline_model_parallel_size");
  if (isRank && expected > 1) {
    const reason = `This is one of ${formatCount(expected)} ranks of the model: open the folder above for all of them.`;
    return judged("Parameters", "unknown", reason);
  }
  const found = plural(count, "rank");
  if (count < expected)
    return judged("Parameters", "error", `${found} of the model, where ${formatCount(expected)} are needed.`);
  return judged("Parameters", "ok", `${found} of the model; loads with the same parallel sizes.`);
}

/** The distributed optimizer keeps its settings with the model, its state in a file of its own. */
function keepsBuffers(root: MapValue | undefined): boolean {
  const saved = mappingOf(root?.get("optimizer"));
  const inner = mappingOf(saved?.get("optimizer"));
  return inner?.has("param_groups") === true && !inner.has("state");
}

function part(what: ResumeTopic, root: MapValue | undefined, key: string, loss: string): ResumeCheck {
  const value: ContentValue | undefined = root?.get(key);
  if (value === undefined || value === null) return judged(what, "missing", `No ${key} was saved: ${loss}.`);
  return judged(what, "ok", `${key} of Megatron, in every rank's file.`);
}
