import { namesOfOtherBases } from "../adapter/modifiedBase";
import { baseName } from "../bytes/paths";
import { printable } from "../text/printable";
import { formatBytes, formatNumber, formatShare, plural } from "../text/quantities";
import type { CombinedAdapter, CombinePlan } from "../transform/combine/combine";
import type { WeightedAdapter } from "../transform/model/mergePlan";
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
  return [`Would write ${sumPhrase(plan, adapters)}.`, ...told(plan, adapters)].join("\n");
}

/** The same for people. */
export function combineText(
  { path, bytes, plan, worstDeviation }: CombinedAdapter,
  adapters: readonly WeightedAdapter[],
): string {
  const what = `Wrote ${sumPhrase(plan, adapters)}, ${formatBytes(bytes)}, to ${printable(path)}, and read it back: ‖ΔW‖ differs by at most ${formatNumber(worstDeviation)} of it.`;
  return [what, ...told(plan, adapters)].join("\n");
}

/** What is planned, a sentence each. */
export function combineSentences(plan: CombinePlan, adapters: readonly WeightedAdapter[]): readonly string[] {
  const against = againstPhrase(plan);
  return [
    `Writes ${sumPhrase(plan, adapters)}.`,
    ...qualities(plan, adapters),
    ...(against === undefined ? [] : [`${against}.`]),
  ];
}

const mostListed = 10;

function sumPhrase({ modules }: CombinePlan, adapters: readonly WeightedAdapter[]): string {
  return `the sum of ${plural(adapters.length, "adapter")}, ${plural(modules.length, "module")}`;
}

function told(plan: CombinePlan, adapters: readonly WeightedAdapter[]): readonly string[] {
  const against = againstPhrase(plan);
  return [
    ...qualities(plan, adapters),
    ...(against === undefined ? [] : [`${against}:`, againstTable(plan)]),
  ];
}

/** How exact the sum is, and what the adapters have to do with each other. */
function qualities({ ranks, cosines }: CombinePlan, adapters: readonly WeightedAdapter[]): readonly string[] {
  const name = (at: number) => printable(baseName(adapters[at]?.session.identity ?? ""));
  const isExact = ranks.modules.every(({ energyKept }) => energyKept === 1);
  return [
    isExact
      ? "The sum is exact: the factors stand side by side."
      : `${formatShare(ranks.energyKept)} of the sum's energy kept, error ${formatShare(ranks.error)} of its norm.`,
    ...otherBases(adapters),
    ...cosines.map(
      ({ a, b, cosine }) =>
        `${name(a)} and ${name(b)}, as they are weighted: cosine ${formatNumber(cosine)}.`,
    ),
  ];
}

function otherBases(adapters: readonly WeightedAdapter[]): readonly string[] {
  const names = namesOfOtherBases(adapters.map(({ session }) => session.adapterConfig));
  if (names.length === 0) return [];
  return [
    `They name different base models (${names.map(printable).join(", ")}): a sum of updates of different bases is an update of none of them.`,
  ];
}

/** Pairs of updates of a module that take from each other, the worst first. */
function opposed({ modules }: CombinePlan) {
  return modules
    .flatMap(({ module, conflicts }) => conflicts.map((conflict) => ({ module, ...conflict })))
    .filter(({ cosine }) => cosine < 0)
    .sort((a, b) => a.cosine - b.cosine);
}

function againstPhrase(plan: CombinePlan): string | undefined {
  const count = opposed(plan).length;
  return count === 0 ? undefined : `They work against each other in ${plural(count, "module")}`;
}

function againstTable(plan: CombinePlan): string {
  const degrees = (angle: number) => `${angle.toFixed(1)}°`;
  return plainTable(
    ["Module", "Cosine", "Input angle", "Output angle"],
    opposed(plan)
      .slice(0, mostListed)
      .map(({ module, cosine, inputAngle, outputAngle }) => [
        printable(module),
        formatNumber(cosine),
        degrees(inputAngle),
        degrees(outputAngle),
      ]),
  );
}
