import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

/** A file of the project, by its path from the root. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
}

/** The text of every TypeScript file below some folders. */
export function sourceTexts(projectRoot: string, folders: readonly string[]): SourceText[] {
  return folders.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /(?<!\.d)\.tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ file: relative(projectRoot, path), text: readFileSync(path, "utf8") })),
  );
}

const maxLines = 350;
const maxFilesOfFolder = 25;

/** One sentence for every file that is too long to be read at once. */
export function tooLong(files: readonly SourceText[]): string[] {
  return files
    .map(({ file, text }) => ({ file, lines: text.trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > maxLines)
    .map(
      ({ file, lines }) => `${file} has ${lines} lines: split it by question, at ${maxLines} at the latest.`,
    );
}

/** One sentence for every folder that holds too many files to be looked over. */
export function tooFull(files: readonly SourceText[]): string[] {
  return [...grouped(files, ({ file }) => dirname(file))]
    .filter(([, inside]) => inside.length > maxFilesOfFolder)
    .map(
      ([folder, inside]) =>
        `${folder} has ${inside.length} files flat: give some a folder, from ${maxFilesOfFolder} on.`,
    );
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Names that several modules may export, each with the reason. */
const sharedNames: Readonly<Record<string, string>> = {
  startViewState: "each page has a view state of its own, and one way to begin with it",
  viewStateFrom: "each page has a view state of its own, and one way to read it",
};

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(const enum|const|let|function\*?|class|interface|type|enum) ([A-Za-z_$][\w$]*)/gm;

interface Exported {
  readonly name: string;
  readonly file: string;
  readonly isType: boolean;
}

function exportsOf(files: readonly SourceText[]): Exported[] {
  return files.flatMap(({ file, text }) =>
    [...text.matchAll(declaration)].map(([, kind = "", name = ""]) => ({
      name,
      file,
      isType: kind === "type" || kind === "interface",
    })),
  );
}

/** One sentence for every name under which two modules export different things. */
export function namesOfSeveral(files: readonly SourceText[]): string[] {
  return [...grouped(exportsOf(files), ({ name }) => name)]
    .map(([name, found]) => ({ name, places: [...new Set(found.map(({ file }) => file))] }))
    .filter(({ name, places }) => places.length > 1 && sharedNames[name] === undefined)
    .map(({ name, places }) => `${name} is exported by ${places.join(" and ")}: one name for one thing.`);
}

/** Where the machinery around us asks for a name: nothing of the project imports it. */
const entryFiles: ReadonlySet<string> = new Set(["extension.ts", "engine.ts"]);

/** One sentence for every value that is exported and that no other file names. */
export function unusedExports(files: readonly SourceText[], readers: readonly SourceText[]): string[] {
  const words = new Map(readers.map(({ file, text }) => [file, new Set(text.match(/[A-Za-z_$][\w$]*/g))]));
  return exportsOf(files)
    .filter(({ file, isType }) => !isType && !entryFiles.has(basename(file)))
    .filter(({ name, file }) => ![...words].some(([other, used]) => other !== file && used.has(name)))
    .map(
      ({ name, file }) => `${file} exports ${name}, which nobody imports: delete it, or keep it to the file.`,
    );
}
