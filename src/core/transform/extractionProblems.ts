import type { WeightPair, WeightPairs } from "../base/weightPairs";
import { renameText } from "../names/matchNames";
import type { Problem } from "../problem/problem";
import { formatNumber, plural } from "../text/quantities";
import type { ExtractedModule } from "./extract";

/** What an extraction left out, and where its last components mean nothing. */
export function extractionProblems(
  pairs: WeightPairs,
  missing: readonly WeightPair[],
  extracted: readonly ExtractedModule[],
): readonly Problem[] {
  return [
    ...pairs.renames.map(
      (rename): Problem => ({
        severity: "info",
        code: "NamesAligned",
        message: `The fine-tuned model: ${renameText(rename)} The adapter has the names of the base.`,
      }),
    ),
    leftOut(
      "NotExtracted",
      missing.map(({ tuned }) => tuned.name),
      "changed too but are no linear layers",
    ),
    leftOut("Reshaped", pairs.reshaped, "have another shape in the other model"),
    leftOut("OnlyInOne", [...pairs.onlyInBase, ...pairs.onlyInTuned], "are in one of the models only"),
    belowNoise(extracted),
  ].filter((problem) => problem !== undefined);
}

function leftOut(code: string, names: readonly string[], what: string): Problem | undefined {
  if (names.length === 0) return undefined;
  const listed = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  const message = `${plural(names.length, "tensor")} ${what}, and are not in the adapter: ${listed}.`;
  return { severity: "warning", code, message };
}

function belowNoise(extracted: readonly ExtractedModule[]): Problem | undefined {
  const lastValue = ({ singularValues, rank }: ExtractedModule) => singularValues[rank - 1] ?? 0;
  const noisy = extracted.filter((module) => module.noise > lastValue(module));
  const first = noisy[0];
  if (first === undefined) return undefined;
  const numbers = `σ ${formatNumber(lastValue(first), 2)}, noise ${formatNumber(first.noise, 2)}`;
  const message = `In ${noisy.length} of ${plural(extracted.length, "module")} the last components are below the rounding of 16-bit weights (${first.module}: ${numbers}): a lower rank holds all that is known.`;
  return { severity: "warning", code: "BelowNoise", message };
}
