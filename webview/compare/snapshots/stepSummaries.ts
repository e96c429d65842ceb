import {
  type CompareView,
  maxListedTensors,
  type SnapshotColumn,
  type UpdateChange,
} from "../../../src/core/compare/compareView";
import { plural } from "../../../src/core/text/quantities";
import { formatChange, formatCosine, formatDifference, formatLoss } from "../compareFormat";

/** What happened between two neighbouring snapshots, from the numbers that are there. */
export interface StepSummary {
  readonly from: string;
  readonly to: string;
  /** What became of the update; undefined where there is no update to speak of. */
  readonly sentence: string | undefined;
  /** Further numbers of the step, besides those that the table below has for each snapshot. */
  readonly facts: readonly string[];
}

export function stepSummaries(view: CompareView): StepSummary[] {
  return view.columns.slice(1).map((to, index) => {
    const from = view.columns[index] as SnapshotColumn;
    const unreadable = [from, to].find(({ failure }) => failure !== undefined);
    if (unreadable !== undefined) {
      const sentence = `${unreadable.label} could not be read`;
      return { from: from.label, to: to.label, sentence, facts: [] };
    }
    const hasUpdates = from.moduleCount > 0 || to.moduleCount > 0;
    const step = view.steps?.[index];
    const sentence = hasUpdates ? step?.sentence : undefined;
    const facts = factsBetween(view, from, to, index, sentence);
    const nothing = facts.length === 0 && sentence === undefined && !hasUpdates;
    return {
      from: from.label,
      to: to.label,
      sentence: nothing ? "no difference in what is known of them" : sentence,
      facts,
    };
  });
}

function factsBetween(
  view: CompareView,
  from: SnapshotColumn,
  to: SnapshotColumn,
  index: number,
  sentence: string | undefined,
): string[] {
  return [
    sentence?.includes("rank") ? undefined : inWords("rank", from.rank, to.rank),
    changeInNumbers(view.steps?.[index]?.change, sentence),
    compared("loss", from.loss, to.loss, formatLoss),
    compared("eval loss", from.evalLoss, to.evalLoss, formatLoss),
    ...tensorsBetween(view, index, index + 1),
  ].filter((fact) => fact !== undefined);
}

/** The change and the direction, where the sentence does not say them. */
function changeInNumbers(change: UpdateChange | undefined, sentence = ""): string | undefined {
  if (change === undefined || change.sameness !== undefined) return undefined;
  const { relativeChange, cosine } = change;
  const moved =
    relativeChange === undefined || sentence.includes("moved the update")
      ? undefined
      : `ΔW changed by ${formatChange(relativeChange)}`;
  const direction =
    cosine === undefined || Number.isNaN(cosine) ? undefined : `cosine ${formatCosine(cosine)}`;
  const parts = [moved, direction].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(", ");
}

function inWords(name: string, from: string | undefined, to: string | undefined): string | undefined {
  return from === undefined || to === undefined || from === to ? undefined : `${name} ${from} → ${to}`;
}

function compared(
  name: string,
  from: number | undefined,
  to: number | undefined,
  format: (value: number) => string,
): string | undefined {
  if (from === undefined || to === undefined || format(from) === format(to)) return undefined;
  const difference = formatDifference(from, to);
  return `${name} ${format(from)} → ${format(to)}${difference === "" ? "" : ` (${difference})`}`;
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
      ? tensors.length === 1
        ? "the one tensor has the same layout"
        : `all ${plural(tensors.length, "tensor")} of the same layout`
      : undefined,
  ];
}

/** A line break parts no number from its unit, and no range. */
export function unbroken(text: string): string {
  return text
    .replace(/(\d) (?=[%→])/g, "$1\u00a0")
    .replace(/(\d)–(?=\d)/g, "$1\u2060–\u2060")
    .replace(/e-(?=\d)/g, "e\u2060-\u2060");
}
