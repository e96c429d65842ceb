import { printable } from "../text/printable";
import { formatBytes, formatShare, plural } from "../text/quantities";
import type { Averaged, AveragePlan } from "../transform/model/average";
import { problemLine } from "./problemText";

/** What `average --dry-run --json` prints. */
export function averagePlanReport({ conversion, taken, problems }: AveragePlan, paths: readonly string[]) {
  const { tensors, bytes } = conversion;
  return {
    dryRun: true,
    tensorCount: tensors.length,
    bytes,
    takenFromFirst: taken,
    snapshots: paths.map((path) => ({ path })),
    problems,
  };
}

/** The same for people. */
export function averagePlanText(
  { conversion, taken, problems }: AveragePlan,
  paths: readonly string[],
): string {
  const { tensors, bytes } = conversion;
  return [
    `Would write the mean of ${paths.length} snapshots: ${plural(tensors.length, "tensor")}, ${formatBytes(bytes)}.`,
    ...takenText(taken),
    ...problems.map(problemLine),
  ].join("\n");
}

/** What `average --json` prints: a contract that scripts depend on (README, "Command line"). */
export function averageReport(
  { path, files, bytes, tensors, drift, taken, problems }: Averaged,
  paths: readonly string[],
) {
  return {
    path,
    files,
    bytes,
    tensorCount: tensors,
    takenFromFirst: taken,
    snapshots: paths.map((snapshot, at) => ({ path: snapshot, drift: drift[at] })),
    readBack: true,
    problems,
  };
}

/** The same for people. */
export function averageText(
  { path, bytes, tensors, drift, taken, problems }: Averaged,
  paths: readonly string[],
): string {
  return [
    `Wrote the mean of ${paths.length} snapshots to ${printable(path)}: ${plural(tensors, "tensor")}, ${formatBytes(bytes)}, read back.`,
    ...paths.map(
      (snapshot, at) => `${formatShare(drift[at] ?? 0)} of the mean's norm from it: ${printable(snapshot)}`,
    ),
    ...takenText(taken),
    ...problems.map(problemLine),
  ].join("\n");
}

function takenText(taken: number): string[] {
  return taken > 0 ? [`${plural(taken, "tensor")} of integers taken from the first.`] : [];
}
