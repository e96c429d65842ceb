import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** A style sheet or a module of the pages, by its path from webview/. */
export interface PageText {
  readonly file: string;
  readonly text: string;
}

export function pageTexts(projectRoot: string, ending: RegExp): PageText[] {
  const root = join(projectRoot, "webview");
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ file: relative(root, path), text: readFileSync(path, "utf8") }));
}

/** Classes that VS Code puts on the body: everybody may ask for them. */
const ofHost = /^vscode-/;

/** Each selector of a sheet as the classes in it, from left to right. */
function selectorsOf({ text }: PageText): readonly (readonly string[])[] {
  const plain = text.replace(/\/\*[\s\S]*?\*\//g, "");
  return [...plain.matchAll(/([^{}]+)\{/g)]
    .flatMap(([, selectors = ""]) => selectors.split(/,(?![^(]*\))/))
    .map((selector) =>
      [...selector.matchAll(/\.([A-Za-z_][\w-]*)/g)]
        .map(([, name = ""]) => name)
        .filter((name) => !ofHost.test(name)),
    )
    .filter((classes) => classes.length > 0);
}

/**
 * One sentence for every class that two sheets style at large. A class belongs to one sheet; what another makes of it
 * stands behind a class of its own, and so holds there alone. Sheets in folders below the owner's are parts of it.
 */
export function classesOfSeveral(sheets: readonly PageText[]): string[] {
  const owners = new Map<string, Set<string>>();
  for (const sheet of sheets) {
    for (const [first = ""] of selectorsOf(sheet))
      owners.set(first, (owners.get(first) ?? new Set()).add(sheet.file));
  }
  return [...owners].flatMap(([name, files]) => {
    const [top = "", ...others] = [...files].sort((a, b) => a.split("/").length - b.split("/").length);
    const strangers = others.filter(
      (file) => !file.startsWith(`${dirname(top)}/`) || dirname(file) === dirname(top),
    );
    return strangers.map(
      (file) => `.${name} belongs to ${top}; ${file} must put a class of its own before it.`,
    );
  });
}

/** One sentence for every class that no page has. Names that are put together count by how they begin. */
export function unusedClasses(sheets: readonly PageText[], modules: readonly PageText[]): string[] {
  const code = modules.map(({ text }) => text).join("\n");
  const begun = [...code.matchAll(/([A-Za-z][\w-]*-)\$\{/g)].map(([, beginning = ""]) => beginning);
  const words = new Set(code.match(/[A-Za-z_][\w-]*/g));
  return sheets.flatMap((sheet) =>
    [...new Set(selectorsOf(sheet).flat())]
      .filter((name) => !words.has(name) && !begun.some((beginning) => name.startsWith(beginning)))
      .map((name) => `.${name} in ${sheet.file} is on no page: delete it.`),
  );
}
