import { printable } from "../text/printable";
import { formatBytes, formatCount, formatNumber, plural } from "../text/quantities";
import type { CastCost } from "../transform/model/castPieces";
import type { Converted, ConvertPlan } from "../transform/model/convert";

/** What `convert --dry-run --json` prints. */
export function planReport({ tensors, bytes, tied, leftOut }: ConvertPlan) {
  return {
    dryRun: true,
    tensorCount: tensors.length,
    bytes,
    tied: tied.map(([name, keptAs]) => ({ name, keptAs })),
    leftOut,
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
    changedValues: cost.changed,
    relativeError: relativeError(cost),
    readBack: true,
  };
}

export function relativeError({ errorSquares, squares }: CastCost): number {
  return squares === 0 ? 0 : Math.sqrt(errorSquares / squares);
}

export function planText(plan: ConvertPlan): string {
  return [`Would write ${whatOf(plan)}.`, ...notes(plan)].join("\n");
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

function notes({ tied, leftOut }: ConvertPlan): string[] {
  const [first] = tied;
  return [
    ...(first === undefined
      ? []
      : [
          `${plural(tied.length, "tensor")} shared the memory of another and ${tied.length === 1 ? "is" : "are"} written once: ${printable(first[0])} is ${printable(first[1])}.`,
        ]),
    ...(leftOut > 0 ? [`Left out: ${plural(leftOut, "tensor")} that belong to no model.`] : []),
  ];
}
