import { baseName, parentPath } from "../bytes/paths";

/** Short names for paths, each unique: the last part, with as many folders before it as it takes. */
export function snapshotLabels(paths: readonly string[]): string[] {
  const labels = paths.map(baseName);
  for (let depth = 1; depth <= maxFolders; depth++) {
    const repeated = new Set(labels.filter((label, index) => labels.indexOf(label) !== index));
    if (repeated.size === 0) return labels;
    for (const [index, label] of labels.entries()) {
      if (!repeated.has(label)) continue;
      labels[index] = lastParts(paths[index] ?? "", depth + 1);
    }
  }
  // The same checkpoint twice, which is allowed: number them.
  return labels.map((label, index) => (labels.indexOf(label) === index ? label : `${label} (${index + 1})`));
}

const maxFolders = 6;

function lastParts(path: string, count: number): string {
  const parts: string[] = [];
  for (let rest = path; parts.length < count && baseName(rest) !== ""; rest = parentPath(rest)) {
    parts.unshift(baseName(rest));
  }
  return parts.join("/");
}
