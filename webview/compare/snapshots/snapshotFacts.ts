import type { SnapshotColumn, UpdateChange } from "../../../src/core/compare/compareView";
import { formatBytes, formatCount, formatNumber, formatShortCount } from "../../../src/core/text/quantities";
import type { TextTable } from "../../../src/core/text/tableText";
import { fingerprintText } from "../../../src/core/update/adapterFingerprint";
import { formatChange, formatCosine, formatLoss, formatNorm, formatShareOf } from "../compareFormat";

/** A row of what is said about each snapshot as a whole. */
export interface SnapshotFact {
  readonly title: string;
  readonly help?: string;
  /** Undefined where it is not known. */
  readonly text: (column: SnapshotColumn) => string | undefined;
  /** More than fits, as a tooltip. */
  readonly detail?: (column: SnapshotColumn) => string | undefined;
  /** Lower is better: the best of the row is marked. */
  readonly value?: (column: SnapshotColumn) => number | undefined;
  /** Says nothing of the snapshot that the others are compared with. */
  readonly againstFirst?: boolean;
  /** Of two snapshots the left one is the first. */
  readonly againstLeft?: boolean;
  /** Words, which may take several lines. */
  readonly wraps?: boolean;
}

const facts: readonly SnapshotFact[] = [
  { title: "Step", text: ({ step }) => optional(step, formatCount) },
  { title: "Epoch", text: ({ epoch }) => optional(epoch, formatNumber) },
  { title: "Loss", text: ({ loss }) => optional(loss, formatLoss), value: ({ loss }) => loss },
  {
    title: "Eval loss",
    text: ({ evalLoss }) => optional(evalLoss, formatLoss),
    value: ({ evalLoss }) => evalLoss,
  },
  { title: "Rank", text: ({ rank }) => rank },
  { title: "Alpha", text: ({ alpha }) => alpha },
  { title: "Base model", text: ({ baseModel }) => baseModel, detail: ({ baseModel }) => baseModel },
  {
    title: "Modules",
    help: "Modules that the snapshot adapts",
    text: ({ moduleCount }) => (moduleCount === 0 ? undefined : formatCount(moduleCount)),
  },
  {
    title: "Parameters",
    text: ({ parameterCount }) => formatShortCount(parameterCount),
    detail: ({ parameterCount }) => `${formatCount(parameterCount)} parameters`,
  },
  {
    title: "File size",
    text: ({ fileBytes }) => formatBytes(fileBytes),
    detail: ({ fileBytes }) => `${formatCount(fileBytes)} bytes`,
  },
  {
    title: "Total ‖ΔW‖",
    help: "Frobenius norm of all updates together",
    text: ({ frobenius }) => optional(frobenius, formatNorm),
  },
  {
    title: "Change since first",
    help: "‖ΔW − ΔW₁‖ / ‖ΔW₁‖ over all modules, where ΔW₁ is the first snapshot's",
    text: ({ relativeChange }) => optional(relativeChange, formatChange),
    againstFirst: true,
  },
  {
    title: "Cosine with first",
    help: "Cosine between all updates together and the first snapshot's",
    text: ({ cosine }) => optional(cosine, formatCosine),
    againstFirst: true,
  },
  {
    title: "Change since left",
    help: "‖ΔW − ΔW′‖ / ‖ΔW′‖ over all modules, where ΔW′ is the snapshot's to the left",
    text: ({ previous }) => (previous === undefined ? undefined : stepText(previous)),
    detail: ({ previous }) =>
      previous?.sameness === "gauge" ? "Other factors A and B of the same product" : undefined,
    againstFirst: true,
    againstLeft: true,
  },
  {
    title: "Kept from left",
    help: "Share of the energy of the update to the left within the spaces of this one",
    text: ({ previous }) => optional(previous?.energyKept, formatShareOf),
    againstFirst: true,
  },
  {
    title: "True change",
    help: "‖s·(B·A − B₀·A₀)‖ over all modules: the change from the public base, counted from the initial adapter",
    text: ({ trueChange }) => optional(trueChange, formatNorm),
  },
  {
    title: "Looks like",
    help: "What the tensors themselves tell of how the adapter was made",
    text: ({ fingerprint }) =>
      fingerprint === undefined
        ? undefined
        : `${fingerprint.label}${fingerprint.confidence === "high" ? "" : `, ${fingerprint.confidence} confidence`}`,
    detail: ({ fingerprint }) =>
      fingerprint === undefined ? undefined : `${fingerprintText(fingerprint)}. ${fingerprint.reason}`,
    wraps: true,
  },
];

function stepText({ sameness, relativeChange }: UpdateChange): string | undefined {
  if (sameness === "bytes") return "same factors";
  if (sameness === "gauge") return "same update";
  return optional(relativeChange, formatChange);
}

/** The rows of which at least one snapshot knows something. */
export function snapshotFacts(columns: readonly SnapshotColumn[]): SnapshotFact[] {
  const readable = columns.filter(({ failure }) => failure === undefined);
  return facts.filter(
    ({ text, againstFirst, againstLeft }) =>
      !(againstLeft === true && columns.length === 2 && columns[1]?.previous?.sameness === undefined) &&
      readable.some((column) => text(column) !== undefined && !(againstFirst && column === columns[0])),
  );
}

/** Where the lowest value of a row is; undefined unless it says something: two values that differ. */
export function bestColumn(
  { value }: SnapshotFact,
  columns: readonly SnapshotColumn[],
): SnapshotColumn | undefined {
  if (value === undefined) return undefined;
  const known = columns.flatMap((column) => {
    const number = column.failure === undefined ? value(column) : undefined;
    return number === undefined || !Number.isFinite(number) ? [] : [{ column, number }];
  });
  const lowest = Math.min(...known.map(({ number }) => number));
  const best = known.filter(({ number }) => number === lowest);
  return known.length > best.length ? best[0]?.column : undefined;
}

/** The table as it is shown. */
export function snapshotText(columns: readonly SnapshotColumn[]): TextTable {
  const stages: readonly string[] = ["Stage", ...columns.map(({ stage }) => stage?.stage ?? "")];
  const rows = snapshotFacts(columns).map(({ title, text, againstFirst }) => [
    title,
    ...columns.map((column, at) =>
      column.failure !== undefined || (at === 0 && againstFirst === true) ? "" : (text(column) ?? ""),
    ),
  ]);
  const findings = columns.map(({ findings }) => (findings ?? []).map(({ message }) => message).join(" "));
  return {
    headers: ["", ...columns.map(({ label }) => label)],
    rows: [stages, ...rows, ...(findings.some((text) => text !== "") ? [["Findings", ...findings]] : [])],
    alignEnd: new Set(columns.map((_, at) => at + 1)),
  };
}

function optional<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value);
}
