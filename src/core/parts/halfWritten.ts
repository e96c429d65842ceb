import { parseTemporaryName } from "../bytes/temporaryName";
import { isOrbaxTemporary } from "../formats/orbax/orbaxStep";
import type { Problem } from "../problem/problem";
import { classifyEntry, type Part, type PartEntry } from "./parts";

/** What the names and sizes of a folder say about a save that did not finish. */
export interface HalfWritten {
  /** Parameters or the whole save are incomplete: do not load it, do not resume from it. */
  readonly incomplete: boolean;
  readonly problems: readonly Problem[];
}

/** Files that may rightly be empty, such as a list of added tokens, are none of these. */
const neverEmpty: ReadonlySet<Part> = new Set<Part>([
  "weights",
  "adapter",
  "adapter-config",
  "optimizer",
  "scheduler",
  "rng-state",
  "scaler",
  "training-args",
  "trainer-state",
  "config",
]);

/** What fails to load where it is empty; other files are written anew or done without. */
const neverLoads: ReadonlySet<Part> = new Set<Part>([
  "weights",
  "adapter",
  "optimizer",
  "scheduler",
  "rng-state",
]);

const maxNamed = 5;

/** Looks for the traces of an interrupted or running save, by names and sizes alone. */
export function findHalfWritten(folderName: string, entries: readonly PartEntry[]): HalfWritten {
  const problems: Problem[] = [];
  const add = (severity: Problem["severity"], code: string, message: string) =>
    problems.push({ severity, code, message });
  let incomplete = false;
  const isOwn = parseTemporaryName(folderName) !== undefined;
  if (isOwn || /^tmp-/.test(folderName) || isOrbaxTemporary(folderName)) {
    incomplete = true;
    const writer = isOwn ? "Checkpoint Explorer" : "the training";
    const message = `${folderName} was being saved when ${writer} stopped, or still is.`;
    add("warning", "IncompleteCheckpoint", message);
  }
  const empty = entries.filter(({ kind, size }) => kind === "file" && size === 0).map(classifyEntry);
  for (const { name, part } of empty) {
    if (!neverEmpty.has(part)) continue;
    if (part === "weights" || part === "adapter") incomplete = true;
    const severity = neverLoads.has(part) ? "error" : "warning";
    add(severity, "EmptyFile", `${name} is empty: the save did not finish, or the disk was full.`);
  }
  for (const message of missingShards(entries)) {
    incomplete = true;
    add("error", "MissingShards", message);
  }
  for (const { name } of entries.filter(isDownload)) {
    incomplete = true;
    const message = `${name} lies beside ${name.slice(0, -controlEnding.length)}: aria2 has not fetched all of it, and what is missing reads as zeros. Let the download end.`;
    add("error", "UnfinishedDownload", message);
  }
  for (const message of shardsWithoutIndex(entries)) add("warning", "NoShardIndex", message);
  const unfinished = entries.filter(isUnfinished);
  if (unfinished.length > 0) {
    add(
      "warning",
      "TemporaryFile",
      `${named(unfinished.map(({ name }) => name))}: a file still being written.`,
    );
  }
  if (
    entries.some(({ name }) => name.endsWith(".distcp")) &&
    !entries.some(({ name }) => name === ".metadata")
  ) {
    incomplete = true;
    const message =
      "The .metadata file, which is written last, is missing: the distributed save did not finish.";
    add("error", "MissingMetadata", message);
  }
  return { incomplete, problems };
}

/** aria2 gives a file its whole size at once, and removes its own beside it in the end. */
const controlEnding = ".aria2";

function isDownload({ name, kind }: PartEntry): boolean {
  if (kind !== "file" || !name.endsWith(controlEnding)) return false;
  return classifyEntry({ name: name.slice(0, -controlEnding.length), kind }).part !== "other";
}

/** A known file under the temporary name that its writer renames in the end. */
function isUnfinished({ name, kind }: PartEntry): boolean {
  const finished = name.replace(/\.(?:tmp|part|partial|incomplete|crdownload)$/, "");
  if (finished === name) return false;
  return finished === ".metadata" || classifyEntry({ name: finished, kind }).part !== "other";
}

interface ShardSet {
  readonly total: number;
  readonly digits: readonly [number, number];
  readonly present: Set<number>;
}

function missingShards(entries: readonly PartEntry[]): string[] {
  const sets = shardSets(entries);
  // Shards of an earlier save may be left beside a whole one of another number; the index does not name them.
  const kindOf = (key: string) => key.replace(/-\*-of-\d+/, "");
  const whole = new Set([...sets].filter(([, set]) => isWhole(set)).map(([key]) => kindOf(key)));
  const messages = [...sets].flatMap(([key, set]) => (whole.has(kindOf(key)) ? [] : describeGaps(key, set)));
  return messages.length > 0 || sets.size > 0 ? messages : indexWithoutShards(entries);
}

/** By the name of all shards of a set, `model-*-of-00003.safetensors`. */
function shardSets(entries: readonly PartEntry[]): ReadonlyMap<string, ShardSet> {
  const sets = new Map<string, ShardSet>();
  for (const { name, kind } of entries) {
    const match = kind === "file" ? /^(.*)-(\d{4,6})-of-(\d{4,6})\.([a-z]+)$/.exec(name) : null;
    const [, stem = "", number = "", total = "", extension = ""] = match ?? [];
    if (match === null) continue;
    const key = `${stem}-*-of-${total}.${extension}`;
    const set = sets.get(key) ?? {
      total: Number(total),
      digits: [number.length, total.length] as const,
      present: new Set<number>(),
    };
    sets.set(key, set);
    set.present.add(Number(number));
  }
  return sets;
}

/** Loaders of several shards read the index first, and find no weights where it is not there. */
function shardsWithoutIndex(entries: readonly PartEntry[]): string[] {
  return [...shardSets(entries)].flatMap(([key, set]) => {
    const stem =
      /^((?:model|pytorch_model|diffusion_pytorch_model|adapter_model)(?:\.\w+)?)-\*-of-\d+(\.(?:safetensors|bin))$/;
    const match = stem.exec(key);
    if (match === null || set.total < 2 || !isWhole(set)) return [];
    const index = `${match[1]}${match[2]}.index.json`;
    // Beside a whole file the shards are its copy, which nobody needs.
    const isFound = entries.some(({ name }) => name === index || name === `${match[1]}${match[2]}`);
    if (isFound) return [];
    return [`${index} is missing: loaders find none of the ${set.total} shards without it.`];
  });
}

function isWhole({ total, present }: ShardSet): boolean {
  return (
    total > 0 &&
    Array.from({ length: Math.min(total, present.size + 1) }, (_, at) => at + 1).every((number) =>
      present.has(number),
    )
  );
}

function describeGaps(key: string, { total, digits, present }: ShardSet): string[] {
  const count = total - [...present].filter((number) => number >= 1 && number <= total).length;
  if (count <= 0) return [];
  const names: string[] = [];
  for (let number = 1; number <= total && names.length <= maxNamed; number++) {
    if (present.has(number)) continue;
    names.push(key.replace("*", () => String(number).padStart(digits[0], "0")));
  }
  return [`${count} of ${total} shards are missing: ${named(names, count)}.`];
}

function indexWithoutShards(entries: readonly PartEntry[]): string[] {
  const indexes = entries.filter(({ name }) => /\.(?:safetensors|bin)\.index\.json$/.test(name));
  return indexes
    .filter(({ name }) => !entries.some((other) => other.name === name.slice(0, -".index.json".length)))
    .map(({ name }) => `${name} is here, but none of its shards.`);
}

function named(names: readonly string[], total = names.length): string {
  const shown = names.slice(0, maxNamed).join(", ");
  return total > maxNamed ? `${shown} and ${total - maxNamed} more` : shown;
}
