import type { CheckpointSummary } from "../checkpoint/summary";
import type { CompareView } from "../compare/compareView";
import type { Problem } from "../problem/problem";
import type { ResumeReport } from "../resume/resumeReport";
import { type InsidePart, partText } from "../session/insideParts";
import type { LoraView } from "../session/loraView";
import { unreadablePart } from "../tensors/assembly";
import type { PackedCodes } from "../tensors/packed/packedWeights";
import { schemeKind, type Tensor } from "../tensors/tensor";
import { printable } from "../text/printable";
import { formatBytes, formatCount, formatNumber } from "../text/quantities";
import { fingerprintText } from "../update/adapterFingerprint";
import { expertSpread, spreadText } from "../update/expertSpread";
import { baseText, type OverBase } from "./baseReport";
import { distributedText } from "./distributedReport";
import { problemLine } from "./problemText";
import { stepSentence, type TensorFindings, tensorText } from "./tensorReport";
import { plainTable, tableLines } from "./textTable";

/** The readable twins of the JSON reports. */

export interface InspectTextParts {
  readonly parts?: readonly InsidePart[];
  readonly packed?: PackedCodes;
  readonly overBase?: OverBase | undefined;
}

/** In pieces, each with its end of line: a checkpoint can have more tensors than fit one string. */
export function* inspectText(
  summary: CheckpointSummary,
  tensors: readonly Tensor[],
  lora: LoraView | undefined,
  resume: ResumeReport,
  { parts = [], packed, overBase }: InspectTextParts = {},
): Generator<string> {
  const { stage, progress } = summary;
  const inferred = stage?.inferred === true ? ", inferred" : "";
  const facts = [
    `${printable(summary.name)}: ${summary.headline.map(printable).join(", ")}`,
    ...(stage === undefined
      ? []
      : [`Stage: ${printable(stage.stage)}${inferred}. ${printable(stage.reason)}`]),
    ...(progress === undefined ? [] : [`Progress: ${progressText(progress)}`]),
    `Resume: ${printable(resume.sentence)}`,
  ];
  const hasUnreadable = tensors.some((tensor) => unreadablePart(tensor) !== undefined);
  const rows = tensors.map((tensor) => {
    const { name, dtype, byteSize } = tensor;
    const weight = packed?.weights.get(tensor);
    const { shape } = weight ?? tensor;
    const type = weight === undefined ? dtype : `${schemeKind(weight)} in ${dtype}`;
    const lacks = hasUnreadable ? [unreadablePart(tensor) ?? ""] : [];
    return [name, type, `[${shape.join(", ")}]`, formatBytes(byteSize), ...lacks];
  });
  yield sections([
    facts.join("\n"),
    ...distributedText(summary),
    partsText(parts),
    problemText(summary.problems),
    resumeText(resume),
    lora === undefined ? "" : findingText(lora),
    lora === undefined || lora.modules.length === 0 ? "" : loraText(lora),
    overBase === undefined ? "" : baseText(overBase),
  ]);
  yield "\n";
  if (rows.length === 0) return;
  yield "\n";
  for (const line of tableLines(
    ["Tensor", "Dtype", "Shape", "Size", ...(hasUnreadable ? ["Cannot be read"] : [])],
    rows,
  ))
    yield `${line}\n`;
}

/** A model alone has nothing more to say than the sentence. */
function resumeText({ answer, checks }: ResumeReport): string {
  const isModel = answer === "weights-only" && checks.every(({ verdict }) => verdict !== "error");
  const hasState = checks.some(({ what, verdict }) => what !== "Parameters" && verdict !== "missing");
  if (isModel && !hasState) return "";
  const lines = checks.map(
    ({ what, verdict, reason }) => `${verdict.padEnd(7)}  ${what}: ${printable(reason)}`,
  );
  return ["Can I resume?", ...lines].join("\n");
}

/** A file that is one model has nothing more to say than its headline. */
function partsText(parts: readonly InsidePart[]): string {
  if (parts.length === 0 || (parts.length === 1 && parts[0]?.path === "")) return "";
  const rows = parts.map((part) => [part.path === "" ? "(the file)" : part.path, partText(part)]);
  return plainTable(["In the file", ""], rows);
}

function progressText(progress: NonNullable<CheckpointSummary["progress"]>): string {
  const {
    step,
    stepIsOptimizers = false,
    maxSteps,
    epoch,
    maxEpochs,
    episode,
    loss,
    evalLoss,
    learningRate,
  } = progress;
  const facts = [
    ...(step === undefined
      ? []
      : [`${stepIsOptimizers ? "optimizer step" : "step"} ${formatCount(step)}${of(maxSteps)}`]),
    ...(epoch === undefined ? [] : [`epoch ${formatNumber(epoch)}${of(maxEpochs)}`]),
    ...(episode === undefined ? [] : [`episode ${formatNumber(episode)}`]),
    ...(progress.finished === true ? ["finished"] : []),
    ...(progress.stoppedEarly === true ? [`stopped early by ${stopperText(progress)}`] : []),
    ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
    ...(evalLoss === undefined ? [] : [`eval loss ${formatNumber(evalLoss)}`]),
    ...(learningRate === undefined ? [] : [`learning rate ${formatNumber(learningRate)}`]),
    ...bestText(progress),
    ...(progress.metrics ?? []).map(({ name, value }) => `${printable(name)} ${formatNumber(value)}`),
  ];
  return facts.join(", ");
}

function stopperText({ stoppedBy }: NonNullable<CheckpointSummary["progress"]>): string {
  return stoppedBy === undefined ? "a callback" : printable(`${stoppedBy.callback} (${stoppedBy.why})`);
}

function of(goal: number | undefined): string {
  return goal === undefined ? "" : ` of ${formatCount(goal)}`;
}

function bestText({
  bestMetric,
  bestMetricName,
  bestIs,
}: NonNullable<CheckpointSummary["progress"]>): string[] {
  if (bestMetric === undefined) return [];
  const name = bestMetricName === undefined ? "metric" : printable(bestMetricName);
  const end = bestIs === undefined ? "" : ` (${bestIs === "lowest" ? "lower" : "higher"} is better)`;
  return [`best ${name} ${formatNumber(bestMetric)}${end}`];
}

/** What the numbers and the tensors of an adapter say. */
function findingText({ findings = [], fingerprint, stageNote }: LoraView): string {
  return [
    ...(fingerprint === undefined
      ? []
      : [`Looks like: ${fingerprintText(fingerprint)}. ${printable(fingerprint.reason)}`]),
    ...(stageNote === undefined ? [] : [printable(stageNote)]),
    ...findings.map(({ severity, code, message }) => `${severity}: ${code}: ${printable(message)}`),
  ].join("\n");
}

function loraText(lora: LoraView): string {
  const rows = lora.modules.map(({ module, rank, alpha, scale, metrics, experts }) => [
    module,
    String(rank),
    optional(alpha),
    optional(scale),
    ...(["frobenius", "spectral", "stableRank", "effectiveRank"] as const).map((metric) => {
      const spread = expertSpread((experts ?? []).map((expert) => expert[metric]));
      if (spread !== undefined) return spreadText(spread);
      // Of an update without small factors the spectrum may not be known.
      const value = metrics?.[metric];
      return optional(Number.isNaN(value) ? undefined : value);
    }),
  ]);
  const header = ["Module", "Rank", "Alpha", "Scale", "‖ΔW‖", "σ₁", "Stable rank", "Effective rank"];
  const note = lora.modules.some(({ experts }) => experts !== undefined)
    ? "Of modules that hold experts: the least…the median…the largest of their experts.\n\n"
    : "";
  return note + plainTable(header, rows);
}

export function compareText(
  view: CompareView,
  findings: TensorFindings,
  problems: readonly Problem[],
): string {
  // What only adapters have is no column of a comparison of models.
  const isOfAdapters = view.columns.some(({ rank, frobenius }) => (rank ?? frobenius) !== undefined);
  const columns = view.columns.map((column) => {
    const { label, stage, rank, step, frobenius, relativeChange, cosine, failure } = column;
    const ofAdapter = [rank ?? "-", optional(frobenius), optional(relativeChange), optional(cosine)];
    return [
      label,
      stage?.stage ?? "-",
      step === undefined ? "-" : String(step),
      ...(isOfAdapters ? ofAdapter : []),
      failure?.message ?? "",
    ];
  });
  const ofAdapter = isOfAdapters ? ["Rank", "‖ΔW‖", "Change", "Cosine"] : [];
  const summary = plainTable(["Snapshot", "Stage", "Step", ...ofAdapter, ""], columns);
  const labels = view.columns.map(({ label }) => label);
  const modules = view.modules.map(({ module, cells }) => [
    module,
    ...cells.map((cell) => (cell === null ? "-" : optional(cell.frobenius))),
    ...cells.slice(1).map((cell) => optional(cell?.relativeChange)),
  ]);
  const moduleHeader = [
    "Module",
    ...labels.map((label) => `‖ΔW‖ ${label}`),
    ...labels.slice(1).map((label) => `Change ${label}`),
  ];
  return sections([
    stepsText(view, findings),
    summary,
    problemText([
      ...view.problems,
      ...(view.tensors.length + view.modules.length > 0 ? [] : findings.alignment.problems),
      ...problems,
    ]),
    modules.length === 0 ? "" : plainTable(moduleHeader, modules),
    // Of adapters the modules tell more than their factors.
    modules.length === 0 ? tensorText(findings, labels) : "",
  ]);
}

/** What happened from each snapshot to the next. */
function stepsText({ steps = [], columns }: CompareView, findings: TensorFindings): string {
  const label = (index: number) => printable(columns[index]?.label ?? "");
  return steps
    .map((step) => `${label(step.from)} → ${label(step.to)}: ${printable(stepSentence(step, findings))}`)
    .join("\n");
}

export function problemText(problems: readonly Problem[]): string {
  return problems.map(problemLine).join("\n");
}

export function optional(value: number | undefined): string {
  return value === undefined ? "-" : formatNumber(value);
}

export function sections(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
