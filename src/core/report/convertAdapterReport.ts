import { dialectNamed } from "../adapter/dialects/dialectTable";
import { printable } from "../text/printable";
import { formatBytes, formatNumber, formatShare, plural } from "../text/quantities";
import type { AdapterConversionPlan, ConvertedAdapter } from "../transform/dialect/convertAdapter";

/** What `convert ADAPTER --to peft --dry-run --json` prints. */
export function adapterPlanReport(plan: AdapterConversionPlan) {
  return { dryRun: true, ...plan };
}

export function adapterPlanText(plan: AdapterConversionPlan): string {
  return `Would write ${adapterPlanPhrase(plan)}.`;
}

/** What is written, after "writes". */
export function adapterPlanPhrase({ from, to, modules }: AdapterConversionPlan): string {
  const [first] = modules;
  const example = first === undefined ? "" : `, e.g. ${printable(first.module)} as ${printable(first.name)}`;
  return `${plural(modules.length, "module")} of ${nameOf(from)} in the dialect of ${nameOf(to)}${example}`;
}

/** What `convert ADAPTER --to peft --json` prints: a contract that scripts depend on (README, "Command line"). */
export function convertedAdapterReport(converted: ConvertedAdapter) {
  const { path, from, to, folded, padded, bytes, modules, worstDeviation, plan } = converted;
  return {
    path,
    from,
    to,
    bytes,
    modules: modules.map(({ module, rank, scale, norm }) => ({ module, rank, scale, frobenius: norm })),
    folded,
    padded,
    worstDeviation,
    ...(plan === undefined ? {} : { energyKept: plan.energyKept, error: plan.error }),
    readBack: true,
  };
}

/** The same for people. */
export function convertedAdapterText(converted: ConvertedAdapter): string {
  const { path, from, to, folded, padded, bytes, modules, worstDeviation, plan } = converted;
  const count = plural(modules.length, "module");
  return [
    `Wrote ${count}, ${formatBytes(bytes)}, from ${nameOf(from)} to ${nameOf(to)} in ${printable(path)}, and read it back: ‖ΔW‖ differs by at most ${formatNumber(worstDeviation)} of it.`,
    ...(plan === undefined
      ? []
      : [`${formatShare(plan.energyKept)} of the energy kept, error ${formatShare(plan.error)} of ‖ΔW‖.`]),
    ...(folded === 0
      ? []
      : [
          `${nameOf(to)} has no place for the scale of ${plural(folded, "module")}: it is multiplied into B.`,
        ]),
    ...(padded === 0
      ? []
      : [`${nameOf(to)} has one rank for all: ${plural(padded, "module")} got components of zeros.`]),
  ].join("\n");
}

function nameOf(dialect: AdapterConversionPlan["from"]): string {
  return dialectNamed(dialect)?.name ?? dialect;
}
