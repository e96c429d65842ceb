import type { Problem } from "../../problem/problem";
import { formatCount, plural } from "../../text/quantities";
import type { CheckpointFacts } from "./checkpointFacts";

/** Single files of one folder that may be of one training. */
export interface FileTraining {
  readonly members: CheckpointFacts[];
  /** What its files' names have in common, else how large its model is; undefined where it is the only one. */
  readonly label: string | undefined;
}

/** A folder of so many models is a collection. */
const maxTrainings = 24;

/** What people call the nets that are trained together, or a part of one. */
const roles: ReadonlySet<string> = new Set(
  (
    "g d gen disc generator discriminator netg netd mpd msd actor critic policy value q qf qf1 qf2 v vf target " +
    "encoder decoder enc dec teacher student ema avg vae prior posterior head backbone classifier vocoder duration " +
    "alpha temperature rnd icm world model reward optimizer optim opt scheduler text unet controller mixer agent a b"
  ).split(" "),
);

/**
 * Parts the files of a folder by the shapes of their models: a training does not change them. Not the nets that are
 * trained together, which their names tell (`G_100.pth` beside `D_100.pth`), and not a folder of models that have one
 * file each.
 */
export function splitByShapes(members: readonly CheckpointFacts[]): FileTraining[] {
  const all: FileTraining = { members: [...members], label: undefined };
  const byShapes = new Map<string, CheckpointFacts[]>();
  for (const one of members) {
    if (one.shapes !== undefined)
      byShapes.set(one.shapes.key, [...(byShapes.get(one.shapes.key) ?? []), one]);
  }
  const classes = [...byShapes.values()].filter((one) => one.length > 1 || hasMoment(one[0]));
  const [largest] = [...classes].sort((a, b) => b.length - a.length);
  if (largest === undefined || largest.length < 2) return [all];
  if (classes.length < 2 || classes.length > maxTrainings || arePartsOfOne(classes)) return [all];
  const homeless = members.filter((one) => !classes.some((found) => found.includes(one)));
  largest.push(...homeless);
  const labels = labelsOf(classes);
  return classes.map((found, at) => ({ members: found, label: labels[at] }));
}

/** Undefined where the folder holds one training. */
export function tellFileTrainings(trainings: readonly FileTraining[], folder: string): Problem | undefined {
  if (trainings.length > 1) {
    const labels = trainings.map(({ label }) => label);
    const shown = labels.slice(0, 5).join("; ") + (labels.length > 5 ? "; …" : "");
    const message =
      `This folder holds the checkpoints of ${trainings.length} trainings (${shown}): their models have ` +
      "different shapes. They are shown as separate runs.";
    return { severity: "info", code: "SeveralTrainings", message, file: folder };
  }
  const members = trainings[0]?.members ?? [];
  const shapes = new Set(members.flatMap(({ shapes: found }) => found?.key ?? []));
  const classes = [...shapes].map((key) => members.filter(({ shapes: found }) => found?.key === key));
  if (shapes.size < 2 || arePartsOfOne(classes)) return undefined;
  const message = `The files hold ${plural(shapes.size, "model")} of different shapes: not all are of one training.`;
  return { severity: "info", code: "SeveralModels", message, file: folder };
}

function hasMoment(facts: CheckpointFacts | undefined): boolean {
  return facts?.step !== undefined || facts?.epoch !== undefined;
}

/** Whether what tells the names apart are the roles of nets. */
function arePartsOfOne(classes: readonly (readonly CheckpointFacts[])[]): boolean {
  const told = classes.map((members) => {
    const [first = [], ...rest] = members.map(({ candidate }) => rolesIn(candidate.name));
    return first.filter((role) => rest.every((other) => other.includes(role))).join(" ");
  });
  return told.filter((role) => role === "").length <= 1 && new Set(told).size === told.length;
}

function rolesIn(name: string): string[] {
  const words = name
    .slice(0, 300)
    .replace(/\.\w+$/, "")
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/);
  return words.filter((word) => roles.has(word)).sort();
}

function labelsOf(classes: readonly (readonly CheckpointFacts[])[]): string[] {
  const byName = classes.map((members) => commonStart(members.map(({ candidate }) => candidate.name)));
  if (isTelling(byName)) return byName;
  const bySize = classes.map(([one]) => `${formatCount(one?.shapes?.parameterCount ?? 0)} parameters`);
  if (isTelling(bySize)) return bySize;
  return classes.map(([one]) => one?.candidate.name ?? "");
}

function isTelling(labels: readonly string[]): boolean {
  return !labels.includes("") && new Set(labels).size === labels.length;
}

/** Without the word for the moment and what separates it: `mlp_h8` of `mlp_h8_epoch_1.pt` and `mlp_h8_epoch_2.pt`. */
function commonStart(names: readonly string[]): string {
  const [first = ""] = names;
  let length = first.replace(/\.\w+$/, "").length;
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length--;
  return first
    .slice(0, length)
    .replace(/(?:^|[-_.=])(?:e|ep|epoch|s|step|i|it|iter|iteration|ckpt|checkpoint|v)?[-_.=]*\d*$/i, "");
}
