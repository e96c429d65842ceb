import type { StageLabel } from "../stage/stage";
import { formatNumber, formatShare, plural } from "../text/quantities";
import type { ModuleMeasurement } from "./measureModule";
import type { Confidence, FingerprintKind, ModuleFingerprint } from "./stageFingerprint";

/** What the tensors of a whole adapter say about how it was made: the majority of its modules. Plain data. */
export interface AdapterFingerprint {
  readonly kind: FingerprintKind;
  /** e.g. "SVD product" */
  readonly label: string;
  /** The stage it stands for: `svd`, `fine-tuning` or `initialised`. */
  readonly stage: string;
  readonly confidence: Confidence;
  /** A sentence with the numbers. */
  readonly reason: string;
  /** Modules of this kind, and modules that could be judged. */
  readonly count: number;
  readonly total: number;
}

export const fingerprintLabels: Record<FingerprintKind, string> = {
  initialised: "initialised, not trained",
  balanced: "SVD product, balanced (PiSSA, mergekit)",
  "right-orthonormal": "SVD product, A orthonormal (kohya, PEFT conversion)",
  "left-orthonormal": "SVD product, B orthonormal",
  diagonal: "SVD product",
  olora: "QR product (OLoRA)",
  corda: "product with orthogonal B (CorDA)",
  clamped: "SVD product, clamped (kohya extraction)",
  converted: "trained, converted from PiSSA, OLoRA or CorDA",
  "orthonormal-a": "trained from an orthonormal A (EVA, LoRA-GA)",
  trained: "trained",
};

const stages: Record<FingerprintKind, string> = {
  initialised: "initialised",
  balanced: "svd",
  "right-orthonormal": "svd",
  "left-orthonormal": "svd",
  diagonal: "svd",
  olora: "svd",
  corda: "svd",
  clamped: "svd",
  converted: "fine-tuning",
  "orthonormal-a": "fine-tuning",
  trained: "fine-tuning",
};

const weaker: Record<Confidence, Confidence> = { high: "medium", medium: "low", low: "low" };

/** Fewer readable modules than this share say nothing of the others. */
const smallestReadShare = 0.5;

/**
 * The kind that most modules have; undefined where none can be judged or no kind has half of them.
 * @param unread Modules that could not be read, of which nothing is known.
 */
export function fingerprintOfAdapter(
  modules: readonly (ModuleFingerprint | undefined)[],
  unread = 0,
): AdapterFingerprint | undefined {
  if (unread > (1 - smallestReadShare) * modules.length) return undefined;
  const judged = modules.filter((module) => module !== undefined);
  const counts = new Map<FingerprintKind, number>();
  for (const { kind } of judged) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const [kind, count] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [undefined, 0];
  if (kind === undefined || count * 2 <= judged.length) return undefined;
  const example = typicalOf(judged.filter((module) => module.kind === kind));
  const isUnanimous = count >= 0.8 * judged.length;
  const share =
    count === judged.length && unread === 0
      ? judged.length === 1
        ? "In its only module"
        : `In all ${plural(count, "module")}`
      : `In ${count} of ${plural(judged.length + unread, "module")}`;
  const init = example.initialisation === undefined ? "" : ` (${example.initialisation})`;
  return {
    kind,
    label: fingerprintLabels[kind],
    stage: stages[kind],
    confidence: isUnanimous && unread === 0 ? example.confidence : weaker[example.confidence],
    reason: `${share} ${example.evidence()}${init}.`,
    count,
    total: judged.length + unread,
  };
}

/**
 * The fingerprint of an adapter from its measured modules.
 * @param unpaired Factors whose modules are not among them.
 */
export function fingerprintOfMeasurements(
  measurements: readonly ModuleMeasurement[],
  unpaired = 0,
): AdapterFingerprint | undefined {
  const unread = measurements.filter(
    ({ metrics, experts }) => metrics === undefined && experts === undefined,
  );
  return fingerprintOfAdapter(
    measurements.map(({ fingerprint }) => fingerprint),
    unread.length + unpaired,
  );
}

/** The module whose larger off-diagonal share is the median: its numbers stand for the others. */
function typicalOf(modules: readonly ModuleFingerprint[]): ModuleFingerprint {
  const off = ({ offDiagonalA, offDiagonalB }: ModuleFingerprint) => Math.max(offDiagonalA, offDiagonalB);
  const sorted = [...modules].sort((a, b) => off(a) - off(b));
  return sorted[sorted.length >> 1] as ModuleFingerprint;
}

export interface RefinedStage {
  readonly stage: StageLabel | undefined;
  /** Set where the tensors speak against the stage that was found, or replaced it. */
  readonly note: string | undefined;
}

/**
 * The stage after a look at the tensors: they fill in one that is not known, replace one that was merely guessed
 * and that they contradict, and only note a contradiction to what somebody said.
 */
export function refineStage(
  label: StageLabel | undefined,
  fingerprint: AdapterFingerprint | undefined,
): RefinedStage {
  if (fingerprint === undefined || fingerprint.confidence === "low") return { stage: label, note: undefined };
  const { stage, reason, confidence } = fingerprint;
  const fromTensors: StageLabel = {
    stage,
    source: "tensors",
    reason: `The tensors tell it: ${reason}${reducedHint(stage)}`,
    inferred: true,
  };
  if (label === undefined) return { stage: fromTensors, note: undefined };
  const conflict = conflictWith(label.stage, fingerprint);
  if (conflict === undefined) return { stage: label, note: undefined };
  const note = `The tensors look ${conflict}, not like "${label.stage}": ${reason}`;
  if (!label.inferred || confidence !== "high" || label.stage === "rank-reduction") {
    return { stage: label, note };
  }
  return { stage: { ...fromTensors, reason: `${fromTensors.reason} Against it: ${label.reason}` }, note };
}

function reducedHint(stage: string): string {
  return stage === "svd" ? " A rank reduction leaves the same trace." : "";
}

/** What the tensors look like instead, as the end of "look …"; undefined where they agree or cannot tell. */
function conflictWith(stage: string, fingerprint: AdapterFingerprint): string | undefined {
  const found = fingerprint.stage;
  if (found === stage) return undefined;
  switch (stage) {
    case "svd":
      // EVA and others start with B = 0, and are called svd in a folder of stages.
      return found === "fine-tuning" ? "trained" : undefined;
    case "rank-reduction":
      return found === "fine-tuning" ? "trained" : found === "initialised" ? "untrained" : undefined;
    case "fine-tuning":
      return found === "svd" ? "like a fresh SVD product" : "untrained";
    default:
      return undefined;
  }
}

/** e.g. "trained (high confidence, 224 of 224 modules)" */
export function fingerprintText({ label, confidence, count, total }: AdapterFingerprint): string {
  return `${label} (${confidence} confidence, ${formatNumber(count)} of ${plural(total, "module")}, ${formatShare(count / total)})`;
}
