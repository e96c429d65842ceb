import { baseName } from "../bytes/paths";
import type { Problem } from "../problem/problem";
import type { ResumeSubject } from "./collectResumeInputs";
import type { BrokenFile } from "./resumeInputs";

/** By the problem that tells that it is not there: what a loader reads before anything else. */
const readFirst: ReadonlyMap<string, readonly [name: string, reason: string]> = new Map([
  ["CommonStateMissing", ["common.pt", "is missing: without it Megatron-LM cannot load the save."]],
  ["SettingsMissing", ["metadata.json", "is missing: without it Megatron-LM cannot load the save."]],
  ["TreeMissing", ["_METADATA", "is missing: without it Orbax restores nothing."]],
  ["TagMissing", ["latest", "is missing or empty: DeepSpeed loads nothing, unless it is told the tag."]],
]);

/** What keeps a checkpoint from being loaded although its weights can be read. */
export function unloadable({ checkpoint, folder, faults }: ResumeSubject): readonly BrokenFile[] {
  const { name: file } = checkpoint;
  const broken: BrokenFile[] = faults.map(({ message }) => {
    // Whoever is told of the file begins with its name.
    const told = message.startsWith(`${file} `)
      ? message.slice(file.length + 1)
      : `cannot be used: ${message}`;
    return { name: file, role: "parameters", reason: told };
  });
  const stops = (name: string, reason: string) =>
    broken.push({ name, role: "parameters", reason, stopsLoader: true });
  if (folder.problems.some(({ code }) => code === "IncompleteCheckpoint")) {
    const reason = "was not finished: its writer gives a folder its name when all of it is there.";
    stops(baseName(folder.folder), reason);
  }
  // `Trainer._load_from_checkpoint` reads it for the version that it was written with.
  const isConfig = ({ code, file }: Problem) =>
    code === "InvalidJson" && baseName(file ?? "") === "config.json";
  if (folder.trainerStatePath !== undefined && folder.problems.some(isConfig))
    stops("config.json", "is not valid JSON: the Trainer reads it when it resumes, and stops.");
  // `Trainer.train` reads it first of all; its own files beside it tell that it is what would resume.
  const has = (name: string) => folder.files.some((file) => file.name === name);
  const ofTrainer = has("training_args.bin") && (has("rng_state.pth") || has("rng_state_0.pth"));
  if (ofTrainer && !has("trainer_state.json")) {
    const reason = "is missing: the Trainer reads it first when it resumes, and stops.";
    broken.push({ name: "trainer_state.json", role: "progress", reason, stopsLoader: true });
  }
  for (const code of new Set(checkpoint.problems.map((problem) => problem.code))) {
    const [name, reason] = readFirst.get(code) ?? [];
    if (name !== undefined && reason !== undefined) stops(name, reason);
  }
  return broken;
}
