/** Path arithmetic for both separators: core runs where `node:path` does not exist. */

const separators = /[\\/]/;

function separatorOf(path: string): string {
  return path.includes("\\") && !path.includes("/") ? "\\" : "/";
}

export function joinPath(folder: string, ...names: readonly string[]): string {
  const separator = separatorOf(folder);
  return names.reduce(
    (path, name) => (path.endsWith(separator) ? path + name : path + separator + name),
    folder,
  );
}

export function baseName(path: string): string {
  const trimmed = path.replace(/[\\/]+$/, "");
  const at = Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\"));
  return trimmed.slice(at + 1);
}

/** The folder that holds `path`; a root (`/`, `C:\`) is its own parent. */
export function parentPath(path: string): string {
  const root = /^(?:[A-Za-z]:)?[\\/]/.exec(path)?.[0] ?? "";
  const trimmed = path.replace(/[\\/]+$/, "");
  const at = Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\"));
  return at < root.length ? root : trimmed.slice(0, at);
}

/** A name that stays inside its folder: no separator, no `..`, no drive letter, no NUL. */
export function isPlainFileName(name: string): boolean {
  return (
    name !== "" && name !== "." && name !== ".." && !separators.test(name) && !/^[A-Za-z]:|\0/.test(name)
  );
}

/** `path` relative to `folder`, or the path itself when it lies elsewhere. */
export function relativePath(folder: string, path: string): string {
  const prefix = folder.endsWith(separatorOf(folder)) ? folder : folder + separatorOf(folder);
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

export function isAbsolutePath(path: string): boolean {
  return /^(?:[A-Za-z]:)?[\\/]/.test(path);
}

/** A relative path as it is meant from a folder, without `..` and `.`: it is compared with others and shown. */
export function resolvePath(folder: string, path: string): string {
  if (isAbsolutePath(path)) return path;
  let result = folder;
  for (const part of path.split(/[\\/]/)) {
    if (part === "" || part === ".") continue;
    result = part === ".." ? parentPath(result) : joinPath(result, part);
  }
  return result;
}
