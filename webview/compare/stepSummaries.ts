import { type CompareView, maxListedTensors, type SnapshotColumn } from "../../src/core/lora/compareView";
import { formatShortCount, plural } from "../../src/core/text/quantities";
import { formatChange, formatCosine, formatDifference, formatLoss, formatNorm } from "./compareFormat";

/** What happened between two neighbouring snapshots, from the numbers that are there. */
export interface StepSummary {
  readonly from: string;
  readonly to: string;
  readonly facts: readonly string[];
}

export function stepSummaries(view: CompareView): StepSummary[] {
  return view.columns.slice(1).map((to, index) => {
    const from = view.columns[index] as SnapshotColumn;
    return { from: from.label, to: to.label, facts: factsBetween(view, index, index + 1) };
  });
}

function factsBetween(view: CompareView, before: number, after: number): string[] {
  const from = view.columns[before];
  const to = view.columns[after];
  if (from === undefined || to === undefined) return [];
  const unreadable = [from, to].find(({ failure }) => failure !== undefined);
  if (unreadable !== undefined) return [`${unreadable.label} could not be read`];
  const facts = [
    inWords("rank", from.rank, to.rank),
    inWords("alpha", from.alpha, to.alpha),
    counted("step", from.step, to.step, (step) => step.toLocaleString("en")),
    compared("parameters", from.parameterCount, to.parameterCount, formatShortCount),
    compared("‖ΔW‖", from.frobenius, to.frobenius, formatNorm),
    compared("loss", from.loss, to.loss, formatLoss),
    compared("eval loss", from.evalLoss, to.evalLoss, formatLoss),
    ...modulesBetween(view, before, after),
    ...tensorsBetween(view, before, after),
    // Only against the first snapshot is the change of the update known.
    before === 0 ? changeAgainstFirst(to) : undefined,
    before === 0 ? mostChanged(view, after) : undefined,
  ].filter((fact) => fact !== undefined);
  return facts.length > 0 ? facts : ["no difference in what is known of them"];
}

function inWords(name: string, from: string | undefined, to: string | undefined): string | undefined {
  return from === undefined || to === undefined || from === to ? undefined : `${name} ${from} → ${to}`;
}

function counted(
  name: string,
  from: number | undefined,
  to: number | undefined,
  format: (value: number) => string,
): string | undefined {
  return from === undefined || to === undefined || from === to
    ? undefined
    : `${name} ${format(from)} → ${format(to)}`;
}

function compared(
  name: string,
  from: number | undefined,
  to: number | undefined,
  format: (value: number) => string,
): string | undefined {
  if (from === undefined || to === undefined || from === to) return undefined;
  const difference = formatDifference(from, to);
  return `${name} ${format(from)} → ${format(to)}${difference === "" ? "" : ` (${difference})`}`;
}

function modulesBetween({ modules }: CompareView, before: number, after: number): (string | undefined)[] {
  const added = modules.filter(({ cells }) => cells[before] === null && cells[after] !== null).length;
  const gone = modules.filter(({ cells }) => cells[before] !== null && cells[after] === null).length;
  return [
    added > 0 ? `${plural(added, "module")} added` : undefined,
    gone > 0 ? `${plural(gone, "module")} no longer adapted` : undefined,
  ];
}

function tensorsBetween({ tensors }: CompareView, before: number, after: number): (string | undefined)[] {
  const count = (differs: (from: string | null, to: string | null) => boolean) =>
    tensors.filter(({ cells }) => differs(cells[before] ?? null, cells[after] ?? null)).length;
  // A list that was cut short says nothing of the rest.
  const some = tensors.length >= maxListedTensors ? "at least " : "";
  const added = count((from, to) => from === null && to !== null);
  const gone = count((from, to) => from !== null && to === null);
  const changed = count((from, to) => from !== null && to !== null && from !== to);
  return [
    added > 0 ? `${some}${plural(added, "tensor")} added` : undefined,
    gone > 0 ? `${some}${plural(gone, "tensor")} removed` : undefined,
    changed > 0 ? `${some}${plural(changed, "tensor")} of another shape or dtype` : undefined,
    tensors.length > 0 && some === "" && added + gone + changed === 0
      ? `all ${plural(tensors.length, "tensor")} of the same layout`
      : undefined,
  ];
}

function changeAgainstFirst({ relativeChange, cosine }: SnapshotColumn): string | undefined {
  if (relativeChange === undefined) return undefined;
  const direction = cosine === undefined || Number.isNaN(cosine) ? "" : `, cosine ${formatCosine(cosine)}`;
  return `ΔW changed by ${formatChange(relativeChange)}${direction}`;
}

function mostChanged({ modules }: CompareView, at: number): string | undefined {
  let most: { module: string; change: number } | undefined;
  for (const { module, cells } of modules) {
    const change = cells[at]?.relativeChange;
    if (change !== undefined && Number.isFinite(change) && change > (most?.change ?? 0))
      most = { module, change };
  }
  return most === undefined || modules.length < 2
    ? undefined
    : `most in ${most.module} (${formatChange(most.change)})`;
}
