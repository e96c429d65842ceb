import type { TensorStatistics } from "../analysis/statisticColumns";
import type { TensorReader } from "../checkpoint/tensorReader";
import { equalAverage } from "../health/values/equalAverage";
import { runningStatistics } from "../health/values/runningStatistics";
import { zeroBlocks } from "../health/values/zeroBlocks";
import { type LookedInto, zeroWeights } from "../health/zeroWeights";
import type { Problem } from "../problem/problem";
import { isReadingError } from "../problem/problem";
import { bookkeepingOf } from "../session/bookkeeping";
import type { CheckpointSession } from "../session/checkpointSession";
import { differingHead } from "../session/differingHead";
import { untrainedModules, zeroMagnitudes } from "../session/untrainedModules";
import type { PackedCodes } from "../tensors/packed/packedWeights";
import { readValues } from "../tensors/readValues";
import { elementCount, liesElsewhere, type Tensor } from "../tensors/tensor";
import { printable } from "../text/printable";
import { formatCount, plural } from "../text/quantities";
import { quote } from "../text/quote";
import { oddFactors } from "../update/oddFactors";
import { rowsOfOneRank } from "../update/rowsOfOneRank";
import { isNamedAsEnd, notFiniteCause } from "../values/lookAtValues";
import { problemLine } from "./problemText";
import type { ReadValues, ValueFindings } from "./valueFindings";

/** A factor of which the rows are looked at again. */
const maxFactorBytes = 64_000_000;

/** Files that were looked into and are named before the rest is counted. */
const maxNamed = 3;

/** What `verify --json` prints: a contract that scripts depend on (README, "Command line"). */
export interface VerifyReport {
  readonly path: string;
  /** No error among the problems. Warnings are told and do not count. */
  readonly healthy: boolean;
  /** The file is data, or holds no tensor: that nothing is wrong with it says nothing of a model. */
  readonly noModel?: true;
  readonly tensors: number;
  /** Tensors whose values were read; 0 where only the headers were looked at. */
  readonly tensorsRead: number;
  /** Other files and folders of the checkpoint, such as the optimizer's state, of which some values were looked at. */
  readonly sampled?: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * Everything that is known to be wrong with a checkpoint. With `readValues` every tensor is read and its NaN and
 * infinities are counted, which costs the whole file.
 */
export async function verifyCheckpoint(
  path: string,
  session: CheckpointSession,
  readValues: ReadValues | undefined,
): Promise<VerifyReport> {
  const { checkpoint } = session;
  // Of a cut file not every tensor has bytes: that is told already, and worse than what they hold.
  const isWhole = !checkpoint.problems.some(isReadingError);
  const values = isWhole ? await readValues?.(session) : undefined;
  const besides = readValues === undefined ? undefined : await session.valuesBeside();
  const problems = [
    ...(await session.healthWithLogs()),
    ...(besides?.problems ?? []),
    ...(values === undefined
      ? []
      : [
          ...values.problems,
          ...notFinite(session, values, await session.packedCodes()),
          ...ofFactors(session, values),
          ...runningStatistics(checkpoint.tensors, statisticsIn(session, values)),
          ...(await session.withReader((reader) =>
            zeroBlocks(checkpoint.tensors, statisticsIn(session, values), reader),
          )),
          ...(await session.withReader((reader) => oneRank(session, values, reader))),
          ...(await session.withReader((reader) => differingHead(session, reader))),
          ...(await session.withReader((reader) => equalAverage(session, reader))),
          ...(session.isPlainModel && values.ofCodes !== true
            ? zeroWeights(checkpoint, readWhole(checkpoint.tensors, values), false)
            : []),
        ]),
  ];
  return {
    path,
    healthy: problems.every(({ severity }) => severity !== "error"),
    ...(checkpoint.tensors.length === 0 || session.inside?.kind === "data" ? { noModel: true as const } : {}),
    tensors: checkpoint.tensors.length,
    tensorsRead: countRead(checkpoint.tensors, values),
    ...(besides === undefined || besides.places.length === 0 ? {} : { sampled: besides.places }),
    problems,
  };
}

/** Of a pipeline: what is known of each of its models, with the model's name before it, and of them together. */
export function pipelineReport(
  path: string,
  models: ReadonlyMap<string, VerifyReport>,
  more: readonly Problem[],
): VerifyReport {
  const reports = [...models.values()];
  const told = [...models].flatMap(([name, { problems }]) =>
    problems.map((problem) => ({ ...problem, message: `${name}: ${problem.message}` })),
  );
  const sum = (of: (report: VerifyReport) => number) => reports.reduce((total, one) => total + of(one), 0);
  const counts = {
    tensors: sum(({ tensors }) => tensors),
    tensorsRead: sum(({ tensorsRead }) => tensorsRead),
  };
  return withProblems({ path, healthy: true, ...counts, problems: told }, more);
}

/** Tensors of which a value was read. */
function countRead(tensors: readonly Tensor[], values: ValueFindings | undefined): number {
  const isRead = (index: number) => {
    const tensor = tensors[index];
    return tensor !== undefined && !liesElsewhere(tensor);
  };
  return [...(values?.tensors.keys() ?? [])].filter(isRead).length;
}

/** With what is known besides, such as whether an adapter fits its base. */
export function withProblems(report: VerifyReport, more: readonly Problem[]): VerifyReport {
  const problems = [...report.problems, ...more];
  return { ...report, problems, healthy: problems.every(({ severity }) => severity !== "error") };
}

/** Of a checkpoint that could not be opened. */
export function unreadableReport(path: string, problem: Problem): VerifyReport {
  return { path, healthy: false, tensors: 0, tensorsRead: 0, problems: [problem] };
}

function* notFinite(
  session: CheckpointSession,
  { tensors }: ValueFindings,
  { weights }: PackedCodes,
): Generator<Problem> {
  const isBookkeeping = bookkeepingOf(session);
  const ofData = session.inside?.kind === "data";
  for (const [index, tensor] of session.checkpoint.tensors.entries()) {
    const { name } = tensor;
    const { shape } = weights.get(tensor) ?? tensor;
    const found = tensors.get(index)?.stats;
    if (found === undefined || found.nan + found.inf === 0) continue;
    if (isBookkeeping(tensor) || isMask(found) || (found.nan === 0 && isNamedAsEnd(name))) continue;
    const what = [
      ...(found.nan > 0 ? [`${formatCount(found.nan)} NaN`] : []),
      ...(found.inf > 0 ? [`${formatCount(found.inf)} infinite`] : []),
    ].join(" and ");
    const count = formatCount(elementCount(shape));
    const message = `${quote(name)} holds ${what} of ${count} values: ${notFiniteCause(ofData)}`;
    yield { severity: ofData ? "info" : "error", code: "NotFiniteValues", message, tensor: name };
  }
}

/** What is added to attention scores: zeros, and minus infinity where nothing may be seen. */
function isMask({ nan, min, max }: TensorStatistics): boolean {
  return nan === 0 && min === 0 && max === 0;
}

function readWhole(tensors: readonly Tensor[], values: ValueFindings): readonly LookedInto[] {
  return tensors.flatMap((tensor, index) => {
    const stats = values.tensors.get(index)?.stats;
    return stats === undefined ? [] : [{ tensor, isZero: stats.zeros === elementCount(tensor.shape) }];
  });
}

function statisticsIn({ checkpoint }: CheckpointSession, { tensors }: ValueFindings) {
  const indexOf = new Map(checkpoint.tensors.map((tensor, index) => [tensor, index]));
  return (tensor: Tensor) => tensors.get(indexOf.get(tensor) ?? -1)?.stats;
}

function ofFactors(session: CheckpointSession, values: ValueFindings): readonly Problem[] {
  const { adapter } = session;
  const statisticsOf = statisticsIn(session, values);
  const isZero = (tensor: Tensor) => statisticsOf(tensor)?.zeros === elementCount(tensor.shape);
  const modules = adapter?.modules ?? [];
  return [
    ...untrainedModules(modules, isZero, modules.length),
    ...zeroMagnitudes(modules, isZero),
    ...oddFactors(modules, statisticsOf),
  ];
}

async function oneRank(
  session: CheckpointSession,
  values: ValueFindings,
  reader: TensorReader,
): Promise<readonly Problem[]> {
  const statisticsOf = statisticsIn(session, values);
  return rowsOfOneRank(
    session.adapter?.modules ?? [],
    (tensor) => statisticsOf(tensor)?.zeros,
    async (tensor) => {
      if (tensor.byteSize > maxFactorBytes) return undefined;
      const count = elementCount(tensor.shape);
      return readValues(tensor, 0, count, (...range) => reader.readRange(...range));
    },
  );
}

/** The same for people. */
export function verifyText(report: VerifyReport): string {
  const { path, healthy, noModel, tensors, tensorsRead, sampled = [], problems } = report;
  const read = tensorsRead > 0 ? `${formatCount(tensorsRead)} of them read` : "headers only";
  const more = sampled.length > maxNamed ? ` and ${sampled.length - maxNamed} more` : "";
  const sample =
    sampled.length === 0
      ? ""
      : `; some values of ${sampled.slice(0, maxNamed).map(printable).join(", ")}${more}`;
  const warnings = problems.filter(({ severity }) => severity === "warning").length;
  const state = !healthy
    ? "not healthy"
    : warnings > 0
      ? `no error, ${plural(warnings, "warning")}`
      : noModel === true
        ? "no error, and no model known here"
        : "healthy";
  const head = `${printable(path)}: ${state} (${plural(tensors, "tensor")}, ${read}${sample})`;
  const lines = problems.map(problemLine);
  return [head, ...lines].join("\n");
}
