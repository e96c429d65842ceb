import { printable } from "../text/printable";
import { formatNumber, formatShare, plural } from "../text/quantities";
import { intrudersIn } from "../transform/intruders/calmModule";
import { type CalmedAdapter, totals } from "../transform/intruders/reduceIntruders";
import type { IntruderReport } from "../update/intruders";
import { plainTable } from "./textTable";

type FoundModules = readonly { readonly module: string; readonly report: IntruderReport }[];

/** What `intruders --dry-run --json` prints. */
export function foundIntrudersReport(found: FoundModules) {
  const modules = found.map(({ module, report: { exact, compared, directions } }) => ({
    module,
    exact,
    compared,
    intruders: directions.filter(({ verdict }) => verdict !== "no"),
  }));
  return { dryRun: true, modules };
}

export function foundIntrudersText(found: FoundModules): string {
  const rows = found.map(({ module, report }) => [printable(module), `${intrudersIn(report)}`]);
  const count = found.reduce((sum, { report }) => sum + intrudersIn(report), 0);
  const title = `${plural(count, "intruder direction")} in ${plural(found.length, "module")}.${doubt(found.map(({ report }) => report))}`;
  return [title, plainTable(["Module", "Intruders"], rows)].join("\n");
}

/** What `intruders --json` prints: a contract that scripts depend on (README, "Command line"). */
export function calmedReport({ path, bytes, calmed, worstDeviation }: CalmedAdapter, scale: number) {
  return {
    ...{ path, bytes, scale, ...totals(calmed) },
    modules: calmed.map(({ module, before, after, normBefore, normAfter, cutError }) => ({
      ...{ module, exact: before.exact, before: intrudersIn(before), after: intrudersIn(after ?? before) },
      ...{ normBefore, normAfter, cutError },
    })),
    worstDeviation,
    readBack: true,
  };
}

export function calmedText({ path, calmed }: CalmedAdapter, scale: number): string {
  const { before, after } = totals(calmed);
  const title = `Wrote ${printable(path)} and read it back: intruder directions scaled by ${scale}, ${before} before, ${after} after.${doubt(calmed.map((module) => module.before))}`;
  const rows = calmed
    .filter((module) => module.after !== undefined)
    .map((module) => [
      printable(module.module),
      `${intrudersIn(module.before)} → ${intrudersIn(module.after ?? module.before)}`,
      `${formatNumber(module.normBefore)} → ${formatNumber(module.normAfter)}`,
      formatShare(module.cutError),
    ]);
  return [title, plainTable(["Module", "Intruders", "‖ΔW‖", "Cut by its rank"], rows)].join("\n");
}

/** What a comparison with some directions of W alone leaves open. */
function doubt(reports: readonly IntruderReport[]): string {
  const some = reports.filter(
    ({ exact, directions }) => !exact && directions.some(({ verdict }) => verdict !== "no"),
  );
  const [first] = some;
  if (first === undefined) return "";
  return ` In ${plural(some.length, "module")} they are like none of the ${first.compared} strongest directions of the base's weight; the others were not compared.`;
}
