import { isSafetensorsPiece } from "../../formats/dcp/shardingInfo";
import { isZeroFile } from "../../formats/deepspeed/zeroFiles";
import { rankOfFile } from "../../formats/fsdp/rankFiles";
import { parseOrbaxStep, stepMarker } from "../../formats/orbax/orbaxStep";
import { classifyEntry, isLibraryWeights, type Part } from "../../parts/parts";
import { parseStepFolder, type StepFolderName } from "../../progress/checkpointNames";
import type { Candidate, CandidateGroup } from "./candidate";
import { groupStageFiles } from "./stageFiles";
import type { Folder } from "./walkFolders";

/** Finds what may be a checkpoint in listed folders, by names alone, and groups it by where it lies. */
export function findCandidates(tops: readonly Folder[]): CandidateGroup[] {
  const finder = new Finder();
  for (const top of tops) finder.visit(top);
  return finder.groups();
}

class Finder {
  private readonly others: CandidateGroup[] = [];
  /** Step folders by the folder they lie in; of a root that is a step folder, by the root itself. */
  private readonly steps = new Map<Folder, Candidate[]>();

  visit(folder: Folder): void {
    const step = asStepFolder(folder);
    if (step !== undefined) {
      const holder = folder.parent ?? folder;
      const siblings = this.steps.get(holder) ?? [];
      siblings.push(stepCandidate(folder, step));
      this.steps.set(holder, siblings);
      return;
    }
    const isCheckpoint = holdsCheckpoint(folder);
    const isOfDeepSpeed = folder.files.some(({ name }) => isZeroFile(name));
    const partFolders = isCheckpoint
      ? folder.folders.filter(
          (child) => isPartFolder(child) || (isOfDeepSpeed && child.name === "zero") || isOfOrbax(folder),
        )
      : [];
    for (const child of folder.folders) if (!partFolders.includes(child)) this.visit(child);
    if (this.steps.has(folder) && (isCheckpoint || holdsLibraryWeights(folder))) {
      const output = folderCandidate(folder, partFolders);
      this.others.push({ kind: "model", folder, members: [], output });
    } else if (isCheckpoint) {
      this.others.push({ kind: "model", folder, members: [folderCandidate(folder, partFolders)] });
    } else {
      this.others.push(...groupStageFiles(folder));
    }
  }

  groups(): CandidateGroup[] {
    const outputs = new Map(this.others.flatMap(({ folder, output }) => (output ? [[folder, output]] : [])));
    const groups = this.others.filter(({ output }) => output === undefined);
    for (const [folder, members] of this.steps) {
      const output = outputs.get(folder);
      groups.push({ kind: "steps", folder, members, ...(output === undefined ? {} : { output }) });
    }
    return groups;
  }
}

/**
 * A folder named after a step that holds weights or state, itself or in its part folders. Not one that holds
 * step folders in turn: `step_1/checkpoint-500` is the first part of a procedure, not a checkpoint.
 */
function asStepFolder(folder: Folder): StepFolderName | undefined {
  const isAccelerate = folder.files.some(({ name }) => /^random_states_\d+\.pkl$/.test(name));
  const step = parseStepFolder(folder.name, isAccelerate) ?? orbaxStep(folder) ?? speechBrainSave(folder);
  if (step === undefined) return undefined;
  if (step.temporary) return step;
  if (!holdsState(folder) && !folder.folders.some((child) => holdsState(child))) return undefined;
  return folder.folders.some((child) => !isPartFolder(child) && asStepFolder(child) !== undefined)
    ? undefined
    : step;
}

/** Older versions of Orbax say nothing of a step: what tells it are its items. */
function orbaxStep(folder: Folder): StepFolderName | undefined {
  const step = parseOrbaxStep(folder.name);
  if (step === undefined || step.temporary) return step;
  const isStep =
    folder.files.some(({ name }) => name === stepMarker) ||
    (!isOfOrbax(folder) && folder.folders.some(isOfOrbax));
  return isStep ? step : undefined;
}

/** SpeechBrain names a save after its time (`CKPT+2024-01-01+10-00-00+00`), and keeps each part in a file of its own. */
function speechBrainSave({ name, files }: Folder): StepFolderName | undefined {
  const [, date = "", time = ""] = /^CKPT\+(\d{4}-\d\d-\d\d)\+(\d\d-\d\d-\d\d)(?:\+\d+)?$/.exec(name) ?? [];
  if (date === "" || !files.some((file) => file.name === "CKPT.yaml")) return undefined;
  return { index: Number(`${date}${time}`.replaceAll("-", "")), temporary: false };
}

const stateParts: ReadonlySet<Part> = new Set<Part>([
  "weights",
  "adapter",
  "optimizer",
  "scheduler",
  "rng-state",
  "trainer-state",
]);

function partsOf(folder: Folder): Set<Part> {
  return new Set(folder.files.map((file) => classifyEntry(file).part));
}

function holdsState(folder: Folder): boolean {
  return [...partsOf(folder)].some((part) => stateParts.has(part));
}

function holdsLibraryWeights({ files }: Folder): boolean {
  return files.some(({ name }) => isLibraryWeights(name));
}

/** A folder that is a checkpoint as a whole, rather than a place where single files lie. */
function holdsCheckpoint(folder: Folder): boolean {
  const parts = partsOf(folder);
  if (parts.has("trainer-state") || isOfOrbax(folder)) return true;
  // What several processes wrote, each its part: none of the files is a checkpoint.
  const isPart = ({ name }: { readonly name: string }) =>
    name.endsWith(".distcp") ||
    isSafetensorsPiece(name) ||
    rankOfFile(name) !== undefined ||
    isZeroFile(name);
  if (folder.files.some(isPart)) return true;
  if (!holdsLibraryWeights(folder)) return false;
  const beside: readonly Part[] = ["adapter-config", "config", "optimizer", "scheduler", "rng-state"];
  return beside.some((part) => parts.has(part));
}

/** A step or an item of Orbax, of JAX: all below it is its own. */
function isOfOrbax({ files }: Folder): boolean {
  return files.some(({ name }) => /^(?:_CHECKPOINT_METADATA|_METADATA|manifest\.ocdbt)$/.test(name));
}

function isPartFolder({ name }: Folder): boolean {
  const { part } = classifyEntry({ name, kind: "directory" });
  return part !== "other" && part !== "log";
}

function stepCandidate(folder: Folder, step: StepFolderName): Candidate {
  const { temporary, ...moment } = step;
  return { ...folderCandidate(folder, allBelow(folder)), moment, temporary };
}

function folderCandidate(folder: Folder, partFolders: readonly Folder[]): Candidate {
  const { path, name } = folder;
  const all = partFolders.flatMap((part) => [part, ...allBelow(part)]);
  const unique = [...new Set(all)];
  return {
    kind: "folder",
    path,
    name,
    folder,
    fileNames: [],
    partFolders: unique,
    moment: {},
    temporary: false,
  };
}

function allBelow(folder: Folder): Folder[] {
  return folder.folders.flatMap((child) => [child, ...allBelow(child)]);
}
