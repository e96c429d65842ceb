import { hasPlainFactors, hasSmallFactors } from "../adapter/factorLayout";
import { storedBytes } from "../adapter/loraModule";
import { placeOfModule, shortModuleName } from "../adapter/moduleName";
import { sum } from "../lists/sum";
import { dtypeBits } from "../tensors/dtype";
import type { Tensor } from "../tensors/tensor";
import { lastPart } from "../text/lastPart";
import { formatBytes, formatNumber, formatShare, plural } from "../text/quantities";
import { unitRoundoff } from "./dtypeRounding";
import type { ModuleMeasurement } from "./measureModule";
import { noiseFloor } from "./noiseFloor";
import { errorOfShare, rankKeeping } from "./rankChoice";
import type { UpdateMetrics } from "./updateMetrics";

export type FindingCode =
  | "Untrained"
  | "UntrainedExperts"
  | "OneDirection"
  | "RankToSpare"
  | "ScaleUnlike"
  | "NotFinite"
  | "NotRead"
  | "Exploding"
  | "MissingPair"
  | "DeadComponents"
  | "DuplicateComponents"
  | "Cancellation"
  | "Imbalance";

/** One finding about an adapter, with the number that it rests on. Plain data. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "warning" | "info";
  /** A sentence with the numbers. */
  readonly message: string;
  /** The modules concerned, worst first, at most `maxNamedModules`; empty where it is the adapter as a whole. */
  readonly modules: readonly string[];
  readonly moduleCount: number;
}

const maxNamedModules = 50;

/** A module stands out when its norm is this many times its kind's median or more … */
const explodingFactor = 10;
/** … of at least this many modules. */
const fewestOfKind = 4;

/** κ of independent components is at most √r; beyond this multiple of it they cancel. */
const cancellationFactor = 4;

/** ‖B‖/‖A‖ of trained and extracted adapters lies well within these; outside F16 loses small factors. */
const balancedRange = [1e-4, 1e3] as const;

/** Share of the energy that a smaller rank should keep to be worth naming, and the least it should save. */
const keptShare = 0.99;
const smallestSaving = 0.1;

/** What is to be said about the modules of one adapter, most urgent first. */
export function findingsOf(
  modules: readonly ModuleMeasurement[],
  unpaired: readonly Tensor[],
): readonly Finding[] {
  return [
    notFinite(modules),
    notRead(modules),
    missingPair(unpaired),
    untrained(modules),
    exploding(modules),
    scaleUnlike(modules),
    oneDirection(modules),
    rankToSpare(modules),
    components(modules, "deadComponents"),
    components(modules, "duplicateComponents"),
    cancellation(modules),
    imbalance(modules),
  ].filter((finding) => finding !== undefined);
}

function finding(
  code: FindingCode,
  severity: Finding["severity"],
  concerned: readonly ModuleMeasurement[],
  message: string,
): Finding {
  const names = concerned.slice(0, maxNamedModules).map(({ module }) => module.module);
  return { code, severity, message, modules: names, moduleCount: concerned.length };
}

/** "3 of 224 modules", "all 224 modules". */
function countOf(some: number, all: number): string {
  if (some < all) return `${some} of ${plural(all, "module")}`;
  return all === 1 ? "the only module" : `all ${plural(all, "module")}`;
}

function notFinite(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const bad = modules.filter(({ notFinite: broken }) => broken);
  if (bad.length === 0) return undefined;
  const message = `NaN or infinity in ${countOf(bad.length, modules.length)}, first in ${nameOf(bad[0])}: training diverged or the file is damaged.`;
  return finding("NotFinite", "warning", bad, message);
}

/** Modules whose factors the file should hold and does not, or not in a form that can be measured. */
function notRead(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const found = modules.filter(
    (each) => !isMeasured(each) && !each.notFinite && each.module.layout !== "experts",
  );
  const [first] = found;
  if (first === undefined) return undefined;
  const reason = (first.unavailable ?? "its factors could not be read").replace(/\.$/, "");
  const message = `${countOf(found.length, modules.length)} could not be measured, first ${nameOf(first)}: ${reason}. Nothing is said of the whole adapter.`;
  return finding("NotRead", "warning", found, message.charAt(0).toUpperCase() + message.slice(1));
}

function missingPair(unpaired: readonly Tensor[]): Finding | undefined {
  if (unpaired.length === 0) return undefined;
  const message = `${plural(unpaired.length, "factor has", "factors have")} no partner, e.g. ${unpaired[0]?.name}: the update of its module cannot be computed.`;
  return { ...finding("MissingPair", "warning", [], message), moduleCount: unpaired.length };
}

function untrained(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const measured = modules.filter(isMeasured);
  const zero = measured.filter((module) => metricsOf(module).every((metrics) => metrics.zero));
  if (zero.length === 0) return untrainedExperts(measured);
  const zeros = (pick: (metrics: UpdateMetrics) => number) =>
    zero.filter((module) => metricsOf(module).every((metrics) => pick(metrics) === 0)).length;
  const [noA, noB] = [zeros(({ normA }) => normA), zeros(({ normB }) => normB)];
  const which =
    noB === zero.length
      ? "B is all zeros"
      : noA === zero.length
        ? "A is all zeros"
        : noA + noB > 0
          ? "B or A is all zeros"
          : "The update is zero";
  const all = zero.length === modules.length;
  const isScaled = noA + noB === 0 && zero.every(({ scale }) => scale === 0);
  const meaning = isScaled
    ? `its scale is 0 there, so that ${all ? "the adapter changes" : "these change"} nothing`
    : all
      ? "the adapter was not trained and changes nothing"
      : "these were not trained and change nothing";
  const message = `${which} in ${countOf(zero.length, modules.length)}: ${meaning}.`;
  return finding("Untrained", "warning", zero, message);
}

/** Experts that no token was sent to get no gradient. */
function untrainedExperts(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const idle = ({ experts = [] }: ModuleMeasurement) => experts.filter(({ zero }) => zero).length;
  const found = modules.filter((module) => idle(module) > 0).sort((a, b) => idle(b) - idle(a));
  const [first] = found;
  if (first === undefined) return undefined;
  const message = `${idle(first)} of ${first.experts?.length} experts of ${nameOf(first)} were not trained and change nothing (${countOf(found.length, modules.length)} with such experts).`;
  return finding("UntrainedExperts", "info", found, message);
}

function isMeasured({ metrics, experts }: ModuleMeasurement): boolean {
  return metrics !== undefined || (experts !== undefined && experts.length > 0);
}

/** Of the one update, or of each expert's. */
function metricsOf({ metrics, experts = [] }: ModuleMeasurement): readonly UpdateMetrics[] {
  return metrics === undefined ? experts : [metrics];
}

function exploding(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const byKind = new Map<string, ModuleMeasurement[]>();
  for (const module of modules) {
    if (!(module.metrics !== undefined && module.metrics.frobenius > 0)) continue;
    const { kind } = placeOfModule(module.module.module);
    byKind.set(kind, [...(byKind.get(kind) ?? []), module]);
  }
  const found: { readonly module: ModuleMeasurement; readonly factor: number; readonly text: string }[] = [];
  for (const [kind, members] of byKind) {
    if (members.length < fewestOfKind) continue;
    const median = medianOf(members.map(normOf));
    for (const module of members) {
      const factor = normOf(module) / median;
      if (factor < explodingFactor) continue;
      const text = `‖ΔW‖ of ${nameOf(module)} is ${formatNumber(normOf(module), 3)}, ${formatNumber(factor, 2)} times the median of ${lastPart(kind)} (${formatNumber(median, 3)})`;
      found.push({ module, factor, text });
    }
  }
  found.sort((a, b) => b.factor - a.factor);
  if (found.length === 0) return undefined;
  const more =
    found.length === 1
      ? ""
      : `; ${plural(found.length - 1, "more module is", "more modules are")} beyond ${explodingFactor} times`;
  return finding(
    "Exploding",
    "warning",
    found.map(({ module }) => module),
    `${found[0]?.text}${more}.`,
  );
}

/** Scales that few modules have: a wrong alpha is as likely as a pattern that was meant. */
function scaleUnlike(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const counts = new Map<number, number>();
  for (const { scale } of modules)
    if (Number.isFinite(scale)) counts.set(scale, (counts.get(scale) ?? 0) + 1);
  const [usual, usualCount] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [Number.NaN, 0];
  const odd = modules.filter(({ scale }) => Number.isFinite(scale) && isFarFrom(scale, usual));
  if (odd.length === 0 || usualCount < 0.8 * modules.length) return undefined;
  const scales = [...new Set(odd.map(({ scale }) => formatNumber(scale)))].slice(0, 3).join(", ");
  const message = `The scale is ${scales} in ${countOf(odd.length, modules.length)} (${nameOf(odd[0])}) and ${formatNumber(usual)} in the others: see alpha_pattern and rank_pattern if that is not meant.`;
  return finding("ScaleUnlike", "info", odd, message);
}

function isFarFrom(scale: number, usual: number): boolean {
  return Math.max(Math.abs(scale / usual), Math.abs(usual / scale)) > 1.5 || scale * usual < 0;
}

function oneDirection(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const share = ({ metrics }: ModuleMeasurement) => metrics?.energy[0] ?? 0;
  const found = modules
    .filter((module) => (module.metrics?.singularValues.length ?? 0) > 1 && share(module) > keptShare)
    .sort((a, b) => share(b) - share(a));
  if (found.length === 0) return undefined;
  const first = found[0] as ModuleMeasurement;
  const message = `One direction holds more than 99 % of the energy in ${countOf(found.length, modules.length)} (${nameOf(first)}: ${formatShare(share(first))} at rank ${first.module.rank}).`;
  return finding("OneDirection", "info", found, message);
}

/**
 * The one rank for all modules that keeps 99 % of the energy of the whole adapter. Nothing is said of the whole where a
 * module could not be measured, or could not be written with a smaller rank.
 */
function rankToSpare(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const spectra = modules.flatMap(({ metrics, module }) =>
    metrics === undefined || !hasPlainFactors(module.layout) || !hasSmallFactors(module)
      ? []
      : [metrics.singularValues],
  );
  if (spectra.length === 0 || spectra.length < modules.length) return undefined;
  const { rank, share } = rankKeeping(spectra, keptShare);
  const ranks = modules.map(({ module }) => module.rank);
  const largest = ranks.reduce((most, own) => Math.max(most, own), 0);
  if (rank === 0 || rank >= largest) return undefined;
  const left = modules.map((module) => factorBytes(module, Math.min(rank, module.module.rank)));
  const total = sum(modules.map(({ module }) => storedBytes(module)));
  const saved = total - sum(left);
  if (saved < smallestSaving * total) return undefined;
  const error = formatShare(errorOfShare(share));
  const message = `Rank ${rank} instead of ${largest} would keep ${formatShare(share)} of the energy (error ${error} of ‖ΔW‖) and save ${formatBytes(saved)} (${formatShare(saved / total)}).${noiseText(modules)}`;
  return { ...finding("RankToSpare", "info", [], message), moduleCount: modules.length };
}

/** What stands above noise, where there is a floor in every module. */
function noiseText(modules: readonly ModuleMeasurement[]): string {
  let most = 0;
  for (const { metrics, module } of modules) {
    const spectrum = metrics?.singularValues ?? new Float64Array(0);
    const floor = noiseFloor(spectrum, module.outFeatures, module.inFeatures);
    if (floor === undefined) return "";
    most = Math.max(most, spectrum.filter((value) => value > floor).length);
  }
  return ` If the smallest singular value of each module is noise of independent entries, ${plural(most, "direction")} of one at most ${most === 1 ? "stands" : "stand"} above it (Marchenko-Pastur).`;
}

function factorBytes({ module }: ModuleMeasurement, rank: number): number {
  const bytesPerValue = (dtypeBits.get(module.a.dtype) ?? 32) / 8;
  return rank * (module.inFeatures + module.outFeatures) * bytesPerValue;
}

const componentTexts = {
  deadComponents: ["DeadComponents", "no weight (below 1e-6 of the largest)"],
  duplicateComponents: ["DuplicateComponents", "the direction of another (|cosine| above 0.999)"],
} as const;

function components(
  modules: readonly ModuleMeasurement[],
  which: keyof typeof componentTexts,
): Finding | undefined {
  const [code, text] = componentTexts[which];
  const count = ({ health }: ModuleMeasurement) => health?.[which] ?? 0;
  const found = modules.filter((module) => count(module) > 0).sort((a, b) => count(b) - count(a));
  const first = found[0];
  if (first === undefined) return undefined;
  const message = `${plural(sum(found.map(count)), "component has", "components have")} ${text}, in ${countOf(found.length, modules.length)} (${nameOf(first)}: ${count(first)} of ${first.module.rank}): rank that is paid for and not used.`;
  return finding(code, "info", found, message);
}

function cancellation(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const kappa = ({ health }: ModuleMeasurement) => health?.cancellation ?? 0;
  const found = modules
    .filter((module) => kappa(module) > cancellationFactor * Math.sqrt(module.module.rank))
    .sort((a, b) => kappa(b) - kappa(a));
  const first = found[0];
  if (first === undefined) return undefined;
  const { dtype } = first.module.a;
  const error = kappa(first) * unitRoundoff(dtype);
  const message = `Components cancel in ${countOf(found.length, modules.length)}: in ${nameOf(first)} they add up to ${formatNumber(kappa(first), 3)} times ‖ΔW‖, so that rounding to ${dtype} can change the update by ${formatNumber(100 * error, 2)} %.`;
  return finding("Cancellation", error > 0.01 ? "warning" : "info", found, message);
}

function imbalance(modules: readonly ModuleMeasurement[]): Finding | undefined {
  const [low, high] = balancedRange;
  const found = modules.filter(({ health }) => {
    const ratio = health?.balance ?? 1;
    return ratio < low || ratio > high;
  });
  const first = found[0];
  if (first === undefined) return undefined;
  const message = `‖B‖/‖A‖ is ${formatNumber(first.health?.balance ?? Number.NaN, 2)} in ${nameOf(first)} (${countOf(found.length, modules.length)} outside ${low} to ${high}): in 16 bits the smaller factor loses digits.`;
  return finding("Imbalance", "info", found, message);
}

function normOf({ metrics }: ModuleMeasurement): number {
  return metrics?.frobenius ?? 0;
}

function nameOf(module: ModuleMeasurement | undefined): string {
  return module === undefined ? "" : shortModuleName(module.module.module);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
