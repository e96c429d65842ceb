import { measureTensor, type ReadTensorRange } from "../analysis/measureTensor";
import { PlainKernels } from "../analysis/plainKernels";
import type { Problem } from "../problem/problem";
import { isReadingError } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import { elementCount } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import { printable } from "./textTable";

/** What `verify --json` prints: a contract that scripts depend on (README, "Command line"). */
export interface VerifyReport {
  readonly path: string;
  /** No error among the problems. Warnings are told and do not count. */
  readonly healthy: boolean;
  readonly tensors: number;
  /** Tensors whose values were read; 0 where only the headers were looked at. */
  readonly tensorsRead: number;
  readonly problems: readonly Problem[];
}

/**
 * Everything that is known to be wrong with a checkpoint. With `values` every tensor is read and its NaN and
 * infinities are counted, which costs the whole file.
 */
export async function verifyCheckpoint(
  path: string,
  session: CheckpointSession,
  { values }: { readonly values: boolean },
): Promise<VerifyReport> {
  const { checkpoint } = session;
  // Of a cut file not every tensor has bytes: that is told already, and worse than what they hold.
  const isWhole = !checkpoint.problems.some(isReadingError);
  const bad = values && isWhole ? await notFinite(session) : [];
  const problems = [...session.summary().problems, ...bad];
  return {
    path,
    healthy: problems.every(({ severity }) => severity !== "error"),
    tensors: checkpoint.tensors.length,
    tensorsRead: values && isWhole ? checkpoint.tensors.length : 0,
    problems,
  };
}

/** Of a checkpoint that could not be opened. */
export function unreadableReport(path: string, problem: Problem): VerifyReport {
  return { path, healthy: false, tensors: 0, tensorsRead: 0, problems: [problem] };
}

async function notFinite(session: CheckpointSession): Promise<readonly Problem[]> {
  const reader = session.tensorReader();
  const read: ReadTensorRange = (tensor, offset, length) => reader.readRange(tensor, offset, length);
  const kernels = new PlainKernels();
  const problems: Problem[] = [];
  try {
    for (const tensor of session.checkpoint.tensors) {
      const found = (await measureTensor(tensor, read, kernels))?.statistics;
      if (found === undefined || found.nan + found.inf === 0) continue;
      const count = formatCount(elementCount(tensor.shape));
      const what = [
        ...(found.nan > 0 ? [`${formatCount(found.nan)} NaN`] : []),
        ...(found.inf > 0 ? [`${formatCount(found.inf)} infinite`] : []),
      ].join(" and ");
      const message = `${tensor.name} holds ${what} of ${count} values: training diverged, or the file is damaged.`;
      problems.push({ severity: "error", code: "NotFiniteValues", message, tensor: tensor.name });
    }
  } finally {
    await reader.close();
  }
  return problems;
}

/** The same for people. */
export function verifyText({ path, healthy, tensors, tensorsRead, problems }: VerifyReport): string {
  const read = tensorsRead > 0 ? `${formatCount(tensorsRead)} of them read` : "headers only";
  const head = `${printable(path)}: ${healthy ? "healthy" : "not healthy"} (${formatCount(tensors)} tensors, ${read})`;
  const lines = problems.map(({ severity, code, message }) => `${severity}: ${code}: ${printable(message)}`);
  return [head, ...lines].join("\n");
}
