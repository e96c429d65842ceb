import type { Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import type { FolderContext } from "../checkpoint/folderContext";
import type { ContentValue, MapValue } from "../formats/contentValue";
import { mappingOf, membersOf, numberOf } from "../formats/contentView";
import { formatCount, plural } from "../text/quantities";
import { judged, type LayoutFindings } from "./layoutFindings";
import type { PartOpener } from "./openedParts";
import type { ResumeCheck, ResumeTopic } from "./resumeReport";

const fileName = "model_optim_rng.pt";
const maxOpened = 16;

/**
 * A checkpoint of Megatron-LM: a folder for each rank of the model, each with one file for everything
 * (formats.md §7). Undefined where the folder is none.
 */
export async function megatronState(
  files: Files,
  { folder, files: entries }: FolderContext,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  const isRank = entries.some(({ name }) => name === fileName);
  const ranks = isRank
    ? [folder]
    : entries
        .filter(({ kind, name }) => kind === "directory" && /^mp_rank_\d+(?:_\d+)*$/.test(name))
        .map(({ path }) => path);
  if (ranks.length === 0) return undefined;
  const absent: string[] = [];
  let first: MapValue | undefined;
  for (const rank of ranks.slice(0, maxOpened)) {
    const path = joinPath(rank, fileName);
    const label = path.slice(folder.length + 1);
    if ((await files.stat(path)) === undefined) absent.push(label);
    else first ??= mappingOf((await opener.open(path, label, "parameters"))?.content?.root);
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
      part("Optimizer state", first, "optimizer", "the moments start cold"),
      part("Schedule", first, "opt_param_scheduler", "the learning rate starts over"),
      part("Random state", first, "rng_state", "dropout and the order of the data differ"),
    ],
    progress: iteration === undefined ? undefined : { place: "iteration", step: iteration, epoch: undefined },
    worldSize: undefined,
    steps: iteration === undefined ? [] : [{ who: "iteration", step: iteration }],
  };
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

function part(what: ResumeTopic, root: MapValue | undefined, key: string, loss: string): ResumeCheck {
  const value: ContentValue | undefined = root?.get(key);
  if (value === undefined || value === null) return judged(what, "missing", `No ${key} was saved: ${loss}.`);
  return judged(what, "ok", `${key} of Megatron, in every rank's file.`);
}
