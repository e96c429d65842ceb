import { printable } from "../text/printable";
import { formatBytes, formatNumber, formatShare } from "../text/quantities";
import type { ExtractResult } from "../transform/extract";
import type { ReducedAdapter } from "../transform/reduce";
import type { PlannedModule } from "../transform/reductionPlan";
import type { WrittenAdapter } from "../transform/writeAdapter";
import { problemLine } from "./problemText";
import { plainTable } from "./textTable";

/** What `reduce --json` prints: a contract that scripts depend on (README, "Command line"). */
export function reduceReport(result: ReducedAdapter) {
  const { plan } = result;
  return {
    ...written(result),
    energyKept: plan.energyKept,
    error: plan.error,
    fileBytesBefore: result.fileBytesBefore,
    fileBytesAfter: result.weightBytes,
    factorBytesBefore: plan.bytesBefore,
    factorBytesAfter: plan.bytesAfter,
    modules: plan.modules.map(reducedModule),
    problems: result.problems,
  };
}

function written({ path, format, bytes, worstDeviation }: WrittenAdapter) {
  return { path, format, bytes, worstDeviation };
}

function reducedModule({
  module,
  rankBefore,
  rank,
  energyKept,
  error,
  spectralError,
  sumKept,
  norm,
}: PlannedModule) {
  return { module, rankBefore, rank, energyKept, error, spectralError, sumKept, frobenius: norm };
}

/** The same for people. */
export function reduceText(result: ReducedAdapter): string {
  const { plan } = result;
  const rows = plan.modules.map(({ module, rankBefore, rank, energyKept, error, norm }) => [
    module,
    String(rankBefore),
    String(rank),
    formatShare(energyKept),
    formatShare(error),
    formatNumber(norm),
  ]);
  const summary =
    `Kept ${formatShare(plan.energyKept)} of the energy (error ${formatShare(plan.error)} of ‖ΔW‖), ` +
    `${formatBytes(plan.bytesBefore)} → ${formatBytes(plan.bytesAfter)} of factors; ` +
    `the file ${formatBytes(result.fileBytesBefore)} → ${formatBytes(result.weightBytes)}.`;
  return [
    writtenText(result),
    summary,
    ...result.problems.map(problemLine),
    "",
    plainTable(["Module", "Rank", "New", "Energy", "Error", "‖ΔW‖"], rows),
  ].join("\n");
}

/** What `extract --json` prints: a contract that scripts depend on (README, "Command line"). */
export function extractReport(result: ExtractResult) {
  return {
    ...written(result),
    energyKept: result.energyKept,
    error: Math.sqrt(Math.max(1 - result.energyKept, 0)),
    modules: result.extracted.map(
      ({ module, rank, norm, energyKept, unfound, relativeToBase, noise, singularValues }) => ({
        module,
        rank,
        norm,
        energyKept,
        unfound,
        relativeToBase,
        noise,
        singularValues,
      }),
    ),
    problems: result.problems,
  };
}

/** The same for people. */
export function extractText(result: ExtractResult): string {
  const rows = result.extracted.map(({ module, rank, norm, energyKept, relativeToBase, noise }) => [
    module,
    String(rank),
    formatNumber(norm),
    formatShare(relativeToBase),
    formatShare(energyKept),
    noise === 0 ? "-" : formatNumber(noise, 2),
  ]);
  const error = Math.sqrt(Math.max(1 - result.energyKept, 0));
  return [
    writtenText(result),
    `Holds ${formatShare(result.energyKept)} of the energy of the difference (error ${formatShare(error)}).`,
    ...result.problems.map(problemLine),
    "",
    plainTable(["Module", "Rank", "‖W - W₀‖", "of ‖W₀‖", "Energy", "Noise"], rows),
  ].join("\n");
}

function writtenText({ path, bytes, worstDeviation }: WrittenAdapter): string {
  return `Written to ${printable(path)}: ${formatBytes(bytes)}, read back with ‖ΔW‖ right to ${formatNumber(worstDeviation, 2)}.`;
}
