import { stageFromName } from "../../stage/stageWords";
import { member, type RunDraft, type RunMember } from "./runDraft";
import type { Folder } from "./walkFolders";

/** `01-svd`, `2_reduced`: people number the steps of a procedure. */
const ordinal = /^\d{1,3}[-_. ]\S/;

/**
 * Stage folders that lie side by side are one pipeline, whatever their names: `01-svd`, `02-rank-reduction`
 * and the checkpoints of `03-fine-tuning`. They become one run, called after the folder around them. At most
 * one of them may be a training with steps: the steps of two cannot be put in one order.
 */
export function joinStages(drafts: readonly RunDraft[]): RunDraft[] {
  const byParent = new Map<Folder, RunDraft[]>();
  for (const draft of drafts) {
    const { parent } = draft.folder;
    if (parent !== undefined && isStage(draft))
      byParent.set(parent, [...(byParent.get(parent) ?? []), draft]);
  }
  const joined = new Set<RunDraft>();
  const pipelines: RunDraft[] = [];
  for (const [parent, siblings] of byParent) {
    const trainings = siblings.filter(({ kind }) => kind === "training");
    const stages = trainings.length > 1 ? siblings.filter(({ kind }) => kind === "model") : siblings;
    if (stages.length < 2 || !stages.some(({ kind }) => kind === "model")) continue;
    for (const stage of stages) joined.add(stage);
    pipelines.push(pipeline(parent, stages));
  }
  return [...drafts.filter((draft) => !joined.has(draft)), ...pipelines];
}

function isStage({ kind, folder, members, name }: RunDraft): boolean {
  if (kind === "training") {
    // One of several trainings of a folder has more than the folder's name.
    return name === folder.name && tellsStage(folder.name);
  }
  if (kind !== "model") return false;
  const said = members.some(({ facts: { stage } }) => stage !== undefined && !stage.inferred);
  return said || tellsStage(folder.name);
}

function tellsStage(name: string): boolean {
  return ordinal.test(name) || stageFromName(name) !== undefined;
}

function pipeline(parent: Folder, stages: readonly RunDraft[]): RunDraft {
  const training = stages.find(({ kind }) => kind === "training");
  return {
    kind: "stages",
    folder: parent,
    name: parent.name,
    key: "stages",
    members: stages.flatMap(({ folder, members }) => members.map((one) => stageMember(folder.name, one))),
    extraLog: training?.extraLog,
    maxSteps: training?.maxSteps,
    numTrainEpochs: training?.numTrainEpochs,
    problems: stages.flatMap(({ problems }) => problems),
  };
}

function stageMember(stageFolder: string, one: RunMember): RunMember {
  const name = one.name === stageFolder ? one.name : `${stageFolder}/${one.name}`;
  return member(one.facts, { ...one, name, stageFolder });
}
