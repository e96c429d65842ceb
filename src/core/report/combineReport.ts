import { baseName } from "../bytes/paths";
import { printable } from "../text/printable";
import { formatBytes, formatNumber, formatShare, plural } from "../text/quantities";
import type { CombinedAdapter, CombinePlan } from "../transform/combine/combine";
import type { WeightedAdapter } from "../transform/model/merge";
import { plainTable } from "./textTable";

/** What `combine --dry-run --json` prints: what the adapters agree about, before anything is written. */
export function combinePlanReport(plan: CombinePlan, adapters: readonly WeightedAdapter[]) {
  return { dryRun: true, ...planned(plan, adapters) };
}

/** What `combine --json` prints: a contract that scripts depend on (README, "Command line"). */
export function combineReport(
  { path, bytes, plan, worstDeviation }: CombinedAdapter,
  adapters: readonly WeightedAdapter[],
) {
  return { path, bytes, ...planned(plan, adapters), worstDeviation, readBack: true };
}

function planned({ modules, ranks, cosines, aligned }: CombinePlan, adapters: readonly WeightedAdapter[]) {
  return {
    adapters: adapters.map(({ session, weight }) => ({ path: session.identity, weight })),
    dialect: aligned.to,
    energyKept: ranks.energyKept,
    error: ranks.error,
    cosines,
    modules: modules.map(({ module, parts, conflicts, norm }, at) => ({
      module,
      rank: ranks.modules[at]?.rank,
      energyKept: ranks.modules[at]?.energyKept,
      frobenius: norm,
      parts,
      conflicts,
    })),
  };
}

export function combinePlanText(plan: CombinePlan, adapters: readonly WeightedAdapter[]): string {
  const what = `Would write the sum of ${plural(adapters.length, "adapter")}, ${plural(plan.modules.length, "module")}.`;
  return [what, ...notes(plan, adapters)].join("\n");
}

/** The same for people. */
export function combineText(
  { path, bytes, plan, worstDeviation }: CombinedAdapter,
  adapters: readonly WeightedAdapter[],
): string {
  const what = `Wrote the sum of ${plural(adapters.length, "adapter")}, ${plural(plan.modules.length, "module")}, ${formatBytes(bytes)}, to ${printable(path)}, and read it back: ‖ΔW‖ differs by at most ${formatNumber(worstDeviation)} of it.`;
  return [what, ...notes(plan, adapters)].join("\n");
}

const mostListed = 10;

function notes({ modules, ranks, cosines }: CombinePlan, adapters: readonly WeightedAdapter[]): string[] {
  const name = (at: number) => printable(baseName(adapters[at]?.session.identity ?? ""));
  const isExact = ranks.modules.every(({ energyKept }) => energyKept === 1);
  const conflicts = modules.flatMap(({ module, conflicts: each }) =>
    each.map((conflict) => ({ module, ...conflict })),
  );
  const worst = conflicts.filter(({ cosine }) => cosine < 0).sort((a, b) => a.cosine - b.cosine);
  const degrees = (angle: number) => `${angle.toFixed(1)}°`;
  return [
    isExact
      ? "The sum is exact: the factors stand side by side."
      : `${formatShare(ranks.energyKept)} of the sum's energy kept, error ${formatShare(ranks.error)} of its norm.`,
    ...cosines.map(
      ({ a, b, cosine }) =>
        `${name(a)} and ${name(b)}, as they are weighted: cosine ${formatNumber(cosine)}.`,
    ),
    ...(worst.length === 0
      ? []
      : [
          `They work against each other in ${plural(worst.length, "module")}:`,
          plainTable(
            ["Module", "Cosine", "Input angle", "Output angle"],
            worst
              .slice(0, mostListed)
              .map(({ module, cosine, inputAngle, outputAngle }) => [
                printable(module),
                formatNumber(cosine),
                degrees(inputAngle),
                degrees(outputAngle),
              ]),
          ),
        ]),
  ];
}
