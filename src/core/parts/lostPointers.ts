import type { BrokenLink, Files } from "../bytes/files";
import { baseName, joinPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import type { Problem } from "../problem/problem";
import { quote } from "../text/quote";
import { brokenLinkText } from "./brokenLinks";

/** A file that holds nothing but the name of the checkpoint to go on from. */
interface PointerKind {
  readonly name: RegExp;
  /** What the text names; undefined where it is no pointer of this kind. */
  readonly target: (text: string) => string | undefined;
  /** Names in the folder, any of which is the target; by default the target's own. */
  readonly places?: (target: string) => readonly string[];
  /** The name is of no other use, so that without a word in it the pointer is lost. */
  readonly neverEmpty?: true;
}

const oneName = (text: string) => {
  const name = text.trim();
  const last = /[\n\r\0]/.test(name) ? "" : baseName(name);
  return last === "" || /\s/.test(last) ? undefined : last;
};

const kinds: readonly PointerKind[] = [
  // DeepSpeed: the folder of the newest save, which may be here as it was made universal alone, and of the newest of those.
  {
    name: /^latest$/,
    target: oneName,
    places: (target) => [target, `${target}_universal`],
    neverEmpty: true,
  },
  { name: /^latest_universal$/, target: oneName, neverEmpty: true },
  // Detectron2 and MMEngine.
  { name: /^last_checkpoint$/, target: oneName, neverEmpty: true },
  // Composer, of a checkpoint that it uploaded.
  { name: /\.symlink$/, target: oneName },
  {
    // Megatron-LM, and verl after it.
    name: /^latest_checkpointed_iteration\.txt$/,
    neverEmpty: true,
    target: (text) => /^\s*(release|\d{1,15})\s*$/.exec(text)?.[1],
    places: (target) =>
      target === "release"
        ? [target]
        : [`iter_${target.padStart(7, "0")}`, `global_step_${target}`, `global_step${target}`],
  },
  {
    // TensorFlow's CheckpointManager: a prefix of files.
    name: /^checkpoint$/,
    target: (text) => {
      const prefix = /^model_checkpoint_path:\s*"([^"\n]{1,500})"/m.exec(text)?.[1];
      return prefix === undefined ? undefined : baseName(prefix);
    },
    places: (target) => [`${target}.index`, target],
  },
];

const maxPointerBytes = 16_000;

/** Whether a file of such a name may name another to go on from. */
export function isPointerName(name: string): boolean {
  return kinds.some((kind) => kind.name.test(name));
}

/**
 * What a folder lost: what its links lead to, and what its files name.
 * @param links that lead nowhere.
 * @param names of files in the folder.
 */
export async function lostOf(
  files: Files,
  folder: string,
  links: readonly BrokenLink[],
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const lost = (code: string, message: string): Problem => ({
    severity: "warning",
    code,
    message,
    file: folder,
  });
  return [
    ...links.map((link) => lost("BrokenLink", brokenLinkText(link))),
    ...(await lostPointers(files, folder, names, signal)).map((message) => lost("LostPointer", message)),
  ];
}

/** Sentences about files that name a checkpoint which is not in their folder. */
async function lostPointers(
  files: Files,
  folder: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const lost: string[] = [];
  for (const name of names) {
    const kind = kinds.find((each) => each.name.test(name));
    const text = kind && (await readPointer(files, joinPath(folder, name), signal));
    if (kind === undefined || text === undefined) continue;
    if (kind.neverEmpty === true && text.trim() === "") {
      lost.push(`${name} is empty, as a write that failed leaves it: nobody finds by it what to go on from.`);
      continue;
    }
    const target = kind.target(text);
    if (target === undefined) continue;
    const places = kind.places?.(target) ?? [target];
    const found = await Promise.all(places.map((place) => files.stat(joinPath(folder, place))));
    if (found.some((stat) => stat !== undefined)) continue;
    lost.push(
      `${name} names ${quote(target)}, which is not here: who goes on from what it names fails, or begins anew.`,
    );
  }
  return lost;
}

/** Undefined where the file cannot be read, or is a checkpoint itself under such a name. */
async function readPointer(files: Files, path: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    return await readText(files, path, maxPointerBytes, signal);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
