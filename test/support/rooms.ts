import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/**
 * The rooms of `src/core` by floor, from the ground. A room may import the floors below it and nothing of its own
 * floor or above, so that no two rooms import each other and each can be opened by its name alone.
 */
export const floors: readonly (readonly string[])[] = [
  ["lists", "text", "linalg", "problem"],
  ["json", "bytes", "names"],
  ["tensors"],
  ["values"],
  ["analysis"],
  ["formats"],
  ["content", "optimizer", "parts", "progress", "stage", "adapter"],
  ["update", "checkpoint"],
  ["runs/logs", "resume"],
  ["runs/series"],
  ["runs/merge"],
  ["runs"],
  ["runs/discover", "runs/status"],
  ["health"],
  ["session"],
  ["base"],
  ["compare", "transform"],
  ["report"],
];

/** What each room is for: where the code of a wrong import should rather go. */
const questions: Readonly<Record<string, string>> = {
  lists: "what is done with lists of anything",
  text: "words and quantities as people read them",
  linalg: "matrices and decompositions",
  problem: "errors, problems and limits",
  json: "JSON as Python writes it",
  names: "which names are spellings of one",
  bytes: "bytes by range, files, zip directories",
  tensors: "names, dtypes, shapes and layouts of tensors",
  values: "values of one tensor by range",
  analysis: "statistics and differences of tensors",
  formats: "parsing the bytes of a file format",
  content: "what a file holds beside tensors",
  optimizer: "optimizer state",
  parts: "the files of a checkpoint folder",
  progress: "step, epoch and losses at the moment of a save",
  stage: "stages of a LoRA pipeline",
  adapter: "what an adapter is: methods, dialects, pairing, rank, scale",
  update: "what an adapter does: ΔW, spectra, overlap, findings",
  checkpoint: "opening files, sharded models and folders",
  "runs/logs": "log formats",
  resume: "what speaks for and against resuming",
  "runs/series": "points and curves of one metric",
  "runs/merge": "the logs of one run as one",
  runs: "what a run is",
  "runs/discover": "finding runs and their checkpoints",
  "runs/status": "what is said of a run",
  health: "what is wrong with a checkpoint, over all its files",
  session: "an opened checkpoint as a whole",
  base: "a model or adapter beside its base model",
  compare: "snapshots side by side",
  transform: "new checkpoints from old ones",
  report: "text and JSON of the command line",
};

/** Folders that only their own room may open, each with what others take instead. */
const inner: Readonly<Record<string, string>> = {
  "formats/pickle":
    "what a file holds is a ContentValue (formats/contentValue.ts, contentView.ts) to all others",
};

/** The room of a file, by its path below `src/core`; undefined for files that stand in none. */
function roomOf(file: string): string | undefined {
  const [first, second, third] = file.split("/");
  if (first === undefined || second === undefined) return undefined;
  return first === "runs" && third !== undefined ? `${first}/${second}` : first;
}

/** A file of core and what it imports of core, by paths below `src/core`. */
export interface CoreImports {
  readonly file: string;
  readonly imports: readonly string[];
}

/** One sentence for every import that goes up or to a neighbour, and for every room that has no floor. */
export function wrongImports(files: readonly CoreImports[]): string[] {
  const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
  const found = new Set<string>();
  for (const { file, imports } of files) {
    const room = roomOf(file);
    if (room === undefined) continue;
    const floor = floorOf.get(room);
    if (floor === undefined) {
      found.add(`src/core/${file}: the room ${room} has no floor. Give it one in test/support/rooms.ts.`);
      continue;
    }
    for (const target of imports) {
      const other = roomOf(target);
      const closed = Object.keys(inner).find((folder) => target.startsWith(`${folder}/`));
      if (closed !== undefined && room !== other)
        found.add(
          `src/core/${file} imports ${target}: ${closed} is open to ${other} alone; ${inner[closed]}.`,
        );
      if (other === undefined || other === room || (floorOf.get(other) ?? -1) < floor) continue;
      found.add(
        `src/core/${file} imports ${target}: ${room} (${questions[room]}) lies ${floorOf.get(other) === floor ? "beside" : "below"} ${other} (${questions[other]}). Move what both need down, or the code that needs both up.`,
      );
    }
  }
  return [...found];
}

/** The imports of every file of `src/core`, as they stand in its text. */
export function coreImports(projectRoot: string): CoreImports[] {
  const core = join(projectRoot, "src/core");
  return readdirSync(core, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = readFileSync(path, "utf8");
      const specifiers = [...text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].map(([, name]) => name ?? "");
      const imports = specifiers.map((name) => relative(core, resolve(dirname(path), name)));
      return { file: relative(core, path), imports };
    });
}
