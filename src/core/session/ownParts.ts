import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderFile } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import type { FileContent } from "../formats/format";
import { assessParts, isLibraryWeights, type Part, type PartsAssessment, partLabels } from "../parts/parts";
import { forInference } from "../resume/forInference";
import { type InsidePart, insideParts } from "./insideParts";
import type { SummaryFacts } from "./summariseCheckpoint";

const partOfRole: Partial<Record<InsidePart["role"], Part>> = {
  model: "weights",
  optimizer: "optimizer",
  scheduler: "scheduler",
  "random state": "rng-state",
  "gradient scaler": "scaler",
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
  readonly missing: readonly { readonly label: string; readonly meaning: string }[];
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
    missing: missing
      // Nothing of a training is missing where none goes on.
      .filter(({ part }) => part === "config" || reason === undefined)
      // The code that wrote a file of its own knows the architecture.
      .filter(({ part }) => part !== "config" || (inside === undefined && !isDescribed(facts.checkpoint)))
      .map(({ part, meaning }) => ({ label: partLabels[part], meaning })),
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

/** The files of a joined checkpoint with what lies in them beside the weights, which their names do not tell. */
function withPartsInside(
  files: readonly FolderFile[],
  { checkpoint: { content, layout }, inside }: SummaryFacts,
): readonly FolderFile[] {
  if (layout === undefined || content === undefined || inside?.kind !== "training-checkpoint") return files;
  const roles = [...rolesInside(content, inside)].filter((part) => part !== "weights");
  return files.map((file) =>
    file.part === "weights" ? { ...file, alsoHolds: [...new Set([...file.alsoHolds, ...roles])] } : file,
  );
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
  const { content, layout, isPiece, name, path } = checkpoint;
  const isWhole = inside?.kind === "training-checkpoint" && inside.models.length > 0;
  if (content === undefined || !isWhole || layout !== undefined || isPiece === true) return undefined;
  if (folder.trainerStatePath !== undefined) return undefined;
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
