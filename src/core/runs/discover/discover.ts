import type { Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { compareNames } from "../../tensors/nameOrder";
import { plural } from "../../text/quantities";
import { LogStore } from "../merge/logStore";
import type { DiscoveredRuns } from "../run";
import { lastEpoch, lastLogged, lastMetrics } from "../series/lastLogged";
import type { Candidate, CandidateGroup } from "./candidate";
import {
  type CheckpointFacts,
  type FactsOptions,
  type JudgeWeights,
  type ProbeWeights,
  readCheckpointFacts,
} from "./checkpointFacts";
import { findCandidates } from "./findCandidates";
import { type BorrowedMetrics, finishRun } from "./finishRun";
import { homeOf } from "./homeFolder";
import { KnownSettings } from "./knownSettings";
import { LogDigests } from "./logDigests";
import { placeLogs } from "./place/placeLogs";
import { logFilesOf, member, type RunDraft } from "./runDraft";
import { uniqueIds, uniqueNames } from "./runNames";
import { splitByShapes, tellFileTrainings } from "./splitShapes";
import { joinStages } from "./stageDrafts";
import { tellCopies } from "./tell/copies";
import { tellIdenticalFiles } from "./tell/tellIdenticalFiles";
import { tellLost } from "./tell/tellLost";
import { draftModel, draftTrainings } from "./trainingDrafts";
import { markUnfinished } from "./unfinishedSave";
import { type WalkOptions, type WalkRoot, walkFolders } from "./walkFolders";

export interface DiscoverOptions extends WalkOptions {
  /** The stage that the user gave a checkpoint, by its path. */
  readonly userStage?: ((path: string) => string | undefined) | undefined;
  /** Looks at the first bytes of weights files; without it none is opened. */
  readonly peek?: ProbeWeights | undefined;
  /** Applies the rules of health to what each checkpoint opens with. */
  readonly judge?: JudgeWeights | undefined;
  /** Names of metrics that each checkpoint tells besides its losses, as they were logged. */
  readonly metrics?: readonly string[] | undefined;
  /** Keep them between searches: logs that did not change are then not read again. */
  readonly digests?: LogDigests | undefined;
  /** Keep them between searches, as well. */
  readonly settings?: KnownSettings | undefined;
}

/** Each may hold a log of many megabytes while it is read. */
const parallelCheckpoints = 4;

/**
 * Finds the checkpoints and logs below some folders and groups them into runs. Reads folder listings, sizes
 * and small files (trainer_state.json, adapter_config.json, checkpoint-stage.json), never weights. What
 * cannot be read becomes a problem and the search goes on.
 * @throws the signal's reason when it is aborted; nothing else.
 */
export async function discoverRuns(
  files: Files,
  roots: readonly WalkRoot[],
  options: DiscoverOptions,
): Promise<DiscoveredRuns> {
  const walk = await walkFolders(files, roots, options);
  const groups = findCandidates(walk.tops);
  const { digests = new LogDigests(new LogStore(files)), metrics = [] } = options;
  const { settings = new KnownSettings() } = options;
  digests.keepMetrics(metrics);
  const facts = await readAll(files, groups, { ...options, digests, settings });
  // A training that tidies up after itself for days must not fill the memory.
  digests.retain(new Set([...facts.values()].map(({ trainerStatePath }) => trainerStatePath)));
  const joined = joinStages(draftRuns(groups, facts));
  const drafts = (await placeLogs(files, walk.tops, joined, options.signal)).sort(compareDrafts);
  for (const draft of drafts) markUnfinished(draft);
  tellCopies(drafts);
  if (options.peek !== undefined) await tellIdenticalFiles(files, drafts, options.signal);
  const lost = await tellLost(files, walk.tops, drafts, options.signal);
  const borrowed = await borrowMetrics(digests, drafts, options);
  const names = uniqueNames(drafts);
  const ids = uniqueIds(drafts);
  const runs = drafts.map((draft, index) =>
    finishRun(draft, { id: ids[index] ?? "", name: names[index] ?? draft.name, borrowed }),
  );
  return { runs, truncated: walk.truncated, problems: [...walk.problems, ...lost] };
}

type AllFacts = ReadonlyMap<Candidate, CheckpointFacts>;

async function readAll(
  files: Files,
  groups: readonly CandidateGroup[],
  options: FactsOptions,
): Promise<AllFacts> {
  const candidates = groups.flatMap(({ members, output }) =>
    output === undefined ? members : [...members, output],
  );
  const facts = await mapParallel(candidates, parallelCheckpoints, (candidate) =>
    readCheckpointFacts(files, candidate, options),
  );
  return new Map(facts.map((one) => [one.candidate, one]));
}

/** What people call the model that a training ended with, in a folder of its own below the output folder. */
const namedModel = /(?:^|[-_])(?:final|best|last)(?:$|[-_])/i;

function draftRuns(groups: readonly CandidateGroup[], facts: AllFacts): RunDraft[] {
  const factsOf = (candidates: readonly Candidate[]) => candidates.flatMap((one) => facts.get(one) ?? []);
  const models = groups.filter(({ kind }) => kind === "model");
  const taken = new Set<CandidateGroup>();
  const drafts: RunDraft[] = [];
  for (const { kind, folder, members, output } of groups) {
    if (kind !== "steps") continue;
    const named = models.filter(({ folder: { parent, name } }) => parent === folder && namedModel.test(name));
    for (const group of named) taken.add(group);
    const outputFacts = output === undefined ? undefined : facts.get(output);
    const namedModels = factsOf(named.flatMap((group) => group.members));
    drafts.push(...draftTrainings({ folder, steps: factsOf(members), output: outputFacts, namedModels }));
  }
  for (const group of models) {
    if (!taken.has(group)) drafts.push(...factsOf(group.members).map((one) => draftModel(one)));
  }
  for (const group of groups)
    if (group.kind === "files") drafts.push(...draftFiles(group, factsOf(group.members), groups));
  return drafts;
}

function draftFiles(
  { folder, series, finalPath, omitted = 0 }: CandidateGroup,
  found: readonly CheckpointFacts[],
  groups: readonly CandidateGroup[],
): RunDraft[] {
  // Data sets and metrics are saved under the same endings.
  const facts = found.filter(({ noModel }) => !noModel);
  if (facts.length === 0) return [];
  const besideSteps = groups.some((other) => other.kind === "steps" && other.folder === folder);
  const home = homeOf(folder);
  const trainings = splitByShapes(facts);
  const told = tellFileTrainings(trainings, folder.path);
  const name = series ?? (besideSteps ? `${folder.name} (files)` : home.name);
  const key = series === undefined ? "files" : `files:${series}`;
  const message = `The folder holds ${plural(omitted, "more file")} of this kind; they are not listed.`;
  return trainings.map(({ members, label }, at) => ({
    kind: "files",
    folder: home,
    name: label === undefined ? name : `${name} (${label})`,
    key: label === undefined ? key : `${key}:${label}`,
    members: members.map((one) => member(one, { final: one.candidate.path === finalPath })),
    extraLog: undefined,
    maxSteps: undefined,
    numTrainEpochs: undefined,
    problems: [
      ...(told === undefined ? [] : [told]),
      ...(omitted > 0 && at === 0
        ? [{ severity: "info", code: "MoreFiles", message, file: folder.path } as const]
        : []),
    ],
  }));
}

function compareDrafts(a: RunDraft, b: RunDraft): number {
  const place = ({ folder }: RunDraft) => [...folder.lineage].reverse().join("/");
  const firstStep = ({ members }: RunDraft) =>
    Math.min(
      ...members.slice(0, 1).map(({ facts }) => facts.step ?? Number.MAX_SAFE_INTEGER),
      Number.MAX_SAFE_INTEGER,
    );
  return (
    compareNames(a.folder.root.path, b.folder.root.path, "/") ||
    compareNames(place(a), place(b), "/") ||
    firstStep(a) - firstStep(b) ||
    compareNames(a.name, b.name, "/")
  );
}

/** Looks up checkpoints without a trainer_state.json in the log of their run. */
async function borrowMetrics(
  digests: LogDigests,
  drafts: readonly RunDraft[],
  { metrics = [], signal }: DiscoverOptions,
): Promise<Map<CheckpointFacts, BorrowedMetrics>> {
  const borrowed = new Map<CheckpointFacts, BorrowedMetrics>();
  for (const draft of drafts) {
    const newest = draft.kind === "training" ? logFilesOf(draft).at(-1) : undefined;
    const needy = draft.members.filter(({ facts }) => facts.log === undefined && facts.step !== undefined);
    if (newest === undefined || needy.length === 0) continue;
    const { columns, globalStep } = await digests.points(newest, signal);
    for (const { facts } of needy) {
      const step = facts.step ?? 0;
      // Beyond its end the log says nothing: the checkpoint is newer than the log.
      if (step > (globalStep ?? step)) continue;
      borrowed.set(facts, {
        epoch: lastEpoch(columns, step),
        loss: lastLogged(columns, "loss", step),
        evalLoss: lastLogged(columns, "eval_loss", step),
        learningRate: lastLogged(columns, "learning_rate", step),
        metrics: lastMetrics(columns, metrics, step),
      });
    }
  }
  return borrowed;
}
