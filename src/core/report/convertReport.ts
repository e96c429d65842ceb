import { printable } from "../text/printable";
import { formatBytes, formatCount, formatNumber, plural } from "../text/quantities";
import type { CastCost } from "../transform/model/castPieces";
import type { Converted, ConvertPlan } from "../transform/model/convert";
import type { Exactness } from "../transform/model/exactness";

/** What `convert --dry-run --json` prints. */
export function planReport(
  { tensors, bytes, tied, leftOut, noArrays }: ConvertPlan,
  exactness: Exactness | undefined,
) {
  return {
    dryRun: true,
    tensorCount: tensors.length,
    bytes,
    tied: tied.map(([name, keptAs]) => ({ name, keptAs })),
    leftOut,
    noArrays,
    ...(exactness?.isKnown === true ? { exact: { dtype: exactness.dtype, isExact: exactness.isExact } } : {}),
    tensors: tensors.map(({ name, tensor, dtype }) => ({
      name,
      dtype,
      from: tensor.dtype,
      shape: tensor.shape,
    })),
  };
}

/** What `convert --json` prints: a contract that scripts depend on (README, "Command line"). */
export function convertReport({ path, files, bytes, plan, cost }: Converted) {
  return {
    path,
    files,
    bytes,
    tensorCount: plan.tensors.length,
    tied: plan.tied.map(([name, keptAs]) => ({ name, keptAs })),
    leftOut: plan.leftOut,
    noArrays: plan.noArrays,
    ...(plan.names === undefined ? {} : { keptNames: plan.names.kept }),
    changedValues: cost.changed,
    relativeError: relativeError(cost),
    readBack: true,
  };
}

export function relativeError({ errorSquares, squares }: CastCost): number {
  return squares === 0 ? 0 : Math.sqrt(errorSquares / squares);
}

export function planText(
  plan: ConvertPlan,
  exactness: Exactness | undefined,
  dtype: string | undefined,
): string {
  return [`Would write ${whatOf(plan)}.`, ...exactnessNotes(exactness, dtype), ...notes(plan)].join("\n");
}

/**
 * What another dtype would take of the values.
 * @param asked for; none where the weights keep theirs.
 */
export function exactnessNotes(exactness: Exactness | undefined, asked: string | undefined): string[] {
  if (exactness === undefined) return [];
  const { dtype, tensors, isExact, isKnown } = exactness;
  const which = `${plural(tensors, "tensor")} of larger floats`;
  const one = tensors === 1;
  if (!isExact) return asked === undefined ? [] : [`${which} ${one ? "is" : "are"} rounded to ${dtype}.`];
  const seen = isKnown ? "exactly" : "exactly, as far as they were looked at";
  const saved = asked === undefined ? `: written as ${dtype}, nothing would be lost` : ": nothing is lost";
  return [`${which} ${one ? "holds" : "hold"} values that ${dtype} holds ${seen}${isKnown ? saved : ""}.`];
}

/** The same for people. */
export function convertText({ path, plan, cost }: Converted): string {
  const lost =
    cost.changed === 0
      ? "Every value is what it was."
      : `Rounding changed ${formatCount(cost.changed)} values, by ${formatNumber(relativeError(cost))} of the weights' norm.`;
  return [`Wrote ${whatOf(plan)} to ${printable(path)}, and read it back.`, lost, ...notes(plan)].join("\n");
}

function whatOf({ tensors, bytes }: ConvertPlan): string {
  return `${plural(tensors.length, "tensor")}, ${formatBytes(bytes)}`;
}

function notes({ tied, leftOut, noArrays, names }: ConvertPlan): string[] {
  const [first] = tied;
  const kept = names?.kept ?? [];
  return [
    ...(names === undefined ? [] : [names.rule]),
    ...(kept.length === 0
      ? []
      : [
          `${plural(kept.length, "tensor")} ${kept.length === 1 ? "keeps its name" : "keep their names"} of GGUF: ${printable(kept[0] ?? "")}${kept.length > 1 ? ", …" : ""}.`,
        ]),
    ...(first === undefined
      ? []
      : [
          `${plural(tied.length, "tensor")} shared the memory of another and ${tied.length === 1 ? "is" : "are"} written once: ${printable(first[0])} is ${printable(first[1])}.`,
        ]),
    ...(leftOut > 0 ? [`Left out: ${plural(leftOut, "tensor")} that belong to no model.`] : []),
    ...(noArrays.length > 0 ? [noArraysText(noArrays)] : []),
  ];
}

/** What safetensors has no arrays of. */
export function noArraysText(names: readonly string[]): string {
  const one = names.length === 1;
  const shown = names.slice(0, 3).map(printable).join(", ");
  const rest = names.length > 3 ? ", …" : "";
  return `Not written: ${shown}${rest}, ${one ? "which holds" : "which hold"} texts or objects and no numbers.`;
}
