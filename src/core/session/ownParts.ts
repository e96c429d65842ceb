import { baseName, relativePath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderFile } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import type { AbsentPart, CheckpointKind, PartSummary } from "../checkpoint/summary";
import type { FileContent } from "../formats/format";
import { given } from "../lists/given";
import {
  assessParts,
  classifyEntry,
  isLibraryWeights,
  type Part,
  type PartsAssessment,
  partLabels,
} from "../parts/parts";
import { forInference } from "../resume/forInference";
import { isShardName } from "../resume/judgeResume";
import type { ResumeTopic } from "../resume/resumeReport";
import { type InsidePart, insideParts } from "./insideParts";
import type { SummaryFacts } from "./summariseCheckpoint";

const partOfRole: Partial<Record<InsidePart["role"], Part>> = {
  model: "weights",
  optimizer: "optimizer",
  scheduler: "scheduler",
  "random state": "rng-state",
  "gradient scaler": "scaler",
};

const topicOf: Partial<Record<Part, { readonly topic: ResumeTopic }>> = {
  optimizer: { topic: "Optimizer state" },
  scheduler: { topic: "Schedule" },
  "rng-state": { topic: "Random state" },
};

/** What a file is that holds one thing, whatever its name promises: `.pt` may be an optimizer, or a list of scores. */
const partOfKind: Partial<Record<CheckpointKind, Part>> = {
  optimizer: "optimizer",
  scheduler: "scheduler",
  "rng-state": "rng-state",
  scaler: "scaler",
  "training-args": "training-args",
  history: "other",
  data: "other",
};

/** Files beside a checkpoint that speak of it whichever of the folder's files it is. */
const sharedParts: ReadonlySet<Part> = new Set([
  "config",
  "generation-config",
  "tokenizer",
  "log",
  "stage-label",
]);

export interface OwnParts {
  readonly files: readonly FolderFile[];
  /** Of a piece none: what else there is, is told of the whole. */
  readonly missing: readonly AbsentPart[];
  readonly resumable: PartsAssessment["resumable"];
}

/**
 * The parts of a checkpoint: of a file that a training loop wrote whole those that lie in it, and not in the files
 * beside it, which may be of other trainings; else the folder's.
 */
export function ownParts(facts: SummaryFacts): OwnParts {
  const inside = filesOfOne(facts);
  const files = inside ?? withPartsInside(filesOfFolder(facts), facts);
  // What was not used is not missing.
  const needless = inside !== undefined && !isScheduled(facts);
  const unused = needless ? [{ part: "other", alsoHolds: ["scheduler"] } as const] : [];
  const beside = facts.folder.recipeState;
  const elsewhere = beside === undefined || inside !== undefined ? [] : [beside];
  const assessed = assessParts(
    [...files, ...elsewhere, ...unused],
    facts.inside?.progress?.step !== undefined,
  );
  const reason = forInference(facts.checkpoint, assessed.present.includes("optimizer"));
  const { missing } = assessed;
  const resumable = reason === undefined ? assessed.resumable : ({ answer: "no", reason } as const);
  return {
    files,
    missing: (facts.checkpoint.isPiece === true ? [] : missing)
      // Nothing of a training is missing where none goes on.
      .filter(({ part }) => part === "config" || reason === undefined)
      // The code that wrote a file of its own knows the architecture.
      .filter(({ part }) => part !== "config" || (inside === undefined && !isDescribed(facts.checkpoint)))
      .map(({ part, meaning }) => ({ label: partLabels[part], meaning, ...topicOf[part] })),
    resumable: needless ? { ...resumable, reason: resumable.reason.replace("scheduler, ", "") } : resumable,
  };
}

/** Frameworks whose models are built by code, or by what the file itself says, and never by a config.json. */
const withoutConfig: ReadonlySet<string> = new Set(["hdf5", "keras", "onnx", "orbax", "tf-bundle"]);

function isDescribed({ format, metadata }: Checkpoint): boolean {
  return withoutConfig.has(format) || metadata.has("general.architecture");
}

/** The files of the folder. A name that says nothing does not take from the checkpoint what was read in it. */
function filesOfFolder({ checkpoint, folder, adapter, inside }: SummaryFacts): readonly FolderFile[] {
  const { name, path } = checkpoint;
  const isFile = checkpoint.layout === undefined && checkpoint.tensors.length > 0;
  const holdsModel = inside === undefined ? isFile : inside.models.length > 0;
  const own = folder.files.find((file) => file.path === path);
  const files = own ? folder.files.filter((file) => !isOtherModel(file, own, checkpoint)) : folder.files;
  const read = partOfKind[inside?.kind ?? "unknown"];
  if (read !== undefined && own?.part === "weights")
    return files.map((file) => (file === own ? { ...file, part: read } : file));
  if (adapter === undefined && !holdsModel) return files;
  const part: Part = adapter === undefined ? "weights" : "adapter";
  const saysNothing = folder.files.every((file) => file.part === "other" || sharedParts.has(file.part));
  if (own?.part === "other") return folder.files.map((file) => (file === own ? { ...file, part } : file));
  if (own !== undefined) return files;
  if (!saysNothing) return folder.files;
  const size = checkpoint.files.reduce((total, { bytes }) => total + bytes, 0);
  return [{ name, path, size, kind: "directory", part, alsoHolds: [] }, ...folder.files];
}

/** Of single files in one folder, under names of their own, each is a model by itself. */
function isOtherModel(
  file: FolderFile,
  own: FolderFile,
  { layout, files, wholeModelPath }: Checkpoint,
): boolean {
  if (file === own || file.part !== "weights" || own.part !== "weights") return false;
  if (layout !== undefined || wholeModelPath !== undefined || files.length > 1) return false;
  if (isLibraryWeights(own.name) || isLibraryWeights(file.name)) return false;
  const withoutNumbers = (name: string) => name.replace(/\d+/g, "#");
  return withoutNumbers(file.name) !== withoutNumbers(own.name);
}

/** The files of a joined checkpoint with what was read in them beside the weights, whatever their names promise. */
function withPartsInside(
  files: readonly FolderFile[],
  { checkpoint, inside }: SummaryFacts,
): readonly FolderFile[] {
  const { content } = checkpoint;
  if (!isOfSeveralFiles(checkpoint) || content === undefined || inside === undefined) return files;
  const roles = [...rolesInside(content, inside)].filter((part) => part !== "weights");
  const part = partOfKind[inside.kind ?? "unknown"] ?? "weights";
  return files.map((file) => (file.part === "weights" ? { ...file, part, alsoHolds: roles } : file));
}

/** It was joined, or is one file of what only together is a checkpoint. */
function isOfSeveralFiles({ layout, name, wholeModelPath }: Checkpoint): boolean {
  return layout !== undefined || wholeModelPath !== undefined || isShardName(name);
}

function rolesInside(content: FileContent, inside: InsideFile): ReadonlySet<Part> {
  const roles = new Set(insideParts(content, inside).flatMap(({ role }) => partOfRole[role] ?? []));
  const { stepPlace, epochPlace, episodePlace } = inside.told ?? {};
  if (stepPlace !== undefined || epochPlace !== undefined || episodePlace !== undefined)
    roles.add("trainer-state");
  return roles;
}

/** Undefined where the folder is the checkpoint. */
function filesOfOne({ checkpoint, folder, inside }: SummaryFacts): readonly FolderFile[] | undefined {
  const { content, isPiece, name, path } = checkpoint;
  const isWhole = inside?.kind === "training-checkpoint" && inside.models.length > 0;
  if (content === undefined || !isWhole || isPiece === true) return undefined;
  if (isOfSeveralFiles(checkpoint) || folder.trainerStatePath !== undefined) return undefined;
  const roles = rolesInside(content, inside);
  const size = checkpoint.files.reduce((total, { bytes }) => total + bytes, 0);
  const own = [...roles].map((part): FolderFile => ({ name, path, size, kind: "file", part, alsoHolds: [] }));
  return [...own, ...folder.files.filter(({ part }) => sharedParts.has(part))];
}

/** A schedule leaves the rate that it began with in the optimizer's groups. */
function isScheduled({ inside }: SummaryFacts): boolean {
  return (
    inside?.optimizers.some(({ groups }) => groups.some(({ settings }) => settings.has("initial_lr"))) ===
    true
  );
}

/**
 * The parts that are there, each with its files, and how many of them are missing or cut. What lies in the files of
 * another part names that one where they are several.
 */
export function partSummaries(
  files: readonly FolderFile[],
  { files: own }: Pick<Checkpoint, "files">,
): PartSummary[] {
  const lost = own.filter(({ status }) => status === "missing" || status === "broken");
  const lostParts = lost.map(({ path }) => classifyEntry({ name: baseName(path), kind: "file" }).part);
  const shown = files.filter((file) => file.part !== "other");
  const named = new Set(shown.map((file) => file.part));
  const inside = new Set(shown.flatMap(({ alsoHolds }) => alsoHolds.filter((part) => !named.has(part))));
  return [...named, ...inside].map((part) => {
    const holders = shown.filter(
      (file) => file.part === part || (!named.has(part) && file.alsoHolds.includes(part)),
    );
    const count = lostParts.filter((each) => each === part).length;
    const [{ part: holder } = { part }] = holders;
    const isWithin = holder !== part && holders.length > 1;
    return {
      label: partLabels[part],
      files: isWithin
        ? []
        : holders.map(({ name, path, size, kind }) => ({
            name,
            path,
            ...given({ bytes: kind === "directory" ? bytesBelow(path, own) : size }),
          })),
      ...(isWithin ? { within: partLabels[holder] } : {}),
      ...(count === 0 ? {} : { lost: count }),
    };
  });
}

/** Of a folder the checkpoint's files that are in it; undefined where none is. */
function bytesBelow(folder: string, files: Checkpoint["files"]): number | undefined {
  const inside = files.filter(({ path }) => relativePath(folder, path) !== path);
  return inside.length === 0 ? undefined : inside.reduce((sum, { bytes }) => sum + bytes, 0);
}
