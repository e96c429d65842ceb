import { BaseWeights } from "../../base/baseWeights";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { isWritableDtype } from "../../tensors/encode";
import type { Tensor } from "../../tensors/tensor";
import { FactorQueue, type FactorWork } from "../factorQueue";
import { type MergePlan, planMerge, type WeightedAdapter } from "./mergePlan";
import type { VerifiedModule, VerifyTask } from "./verifyWeight";

export interface VerifiedMerge {
  readonly isMerged: boolean;
  readonly modules: readonly VerifiedModule[];
  /** Weights that an adapter saved whole and that are not those in the result. */
  readonly notReplaced: readonly string[];
  /** Weights that no adapter changes and that are others than the base's. */
  readonly changed: readonly string[];
  /** Of the base, and not in the result; and the other way round. */
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  /** Weights that are the base's, as they should be. */
  readonly unchanged: number;
}

export interface VerifyMergeRequest extends FactorWork {
  readonly merged: CheckpointSession;
  readonly base: CheckpointSession;
  readonly adapters: readonly WeightedAdapter[];
}

/** A weight of the base: what there is to be looked at of it, or why there is nothing. */
interface Step {
  readonly name: string;
  readonly found?: Tensor;
  readonly task?: VerifyTask;
  readonly isReplaced?: boolean;
  /** Thrown when it is its turn. */
  readonly refusal?: CheckpointError;
}

/**
 * Holds a model against base + ΔW, weight by weight and value by value.
 * @throws CheckpointError those of `planMerge`; `NotMergeable` where the result's weights are quantised.
 */
export async function verifyMerge(request: VerifyMergeRequest): Promise<VerifiedMerge> {
  const { merged, base, adapters, report, signal } = request;
  const weights = new BaseWeights(merged.checkpoint.tensors);
  const plan = await planMerge({ base, adapters, check: { hasHead: weights.find("lm_head") !== undefined } });
  const sources = [merged, base, ...adapters.map(({ session }) => session)];
  const steps = stepsOf(plan, weights, sources);
  const modules: VerifiedModule[] = [];
  const [notReplaced, changed, missing]: string[][] = [[], [], []] as [string[], string[], string[]];
  let unchanged = 0;
  const end = steps.findIndex(({ refusal }) => refusal !== undefined);
  const tasks = steps.slice(0, end < 0 ? undefined : end).flatMap(({ task }) => task ?? []);
  const queue = new FactorQueue(request, tasks, sources);
  try {
    for (const [index, { name, found, task, isReplaced, refusal }] of steps.entries()) {
      signal?.throwIfAborted();
      report?.(index, steps.length, name);
      if (refusal !== undefined) throw refusal;
      if (task === undefined) {
        if (found !== undefined) changed.push(name);
        else if (!isTiedHead(base, name)) missing.push(name);
        continue;
      }
      const { verified, isSame } = await queue.next();
      if (verified !== undefined) modules.push(verified);
      else if (isSame !== true) (isReplaced === true ? notReplaced : changed).push(name);
      else if (isReplaced !== true) unchanged++;
    }
  } finally {
    await queue.end();
  }
  const seen = new Set(steps.map(({ found }) => found));
  const tied = new Map(plan.conversion.tied);
  const extra = merged.checkpoint.tensors
    .filter((tensor) => !seen.has(tensor) && !tied.has(tensor.name))
    .map(({ name }) => name);
  const isMerged =
    notReplaced.length + changed.length + missing.length + extra.length === 0 &&
    modules.every(({ verdict }) => verdict === "merged" || verdict === "undecidable");
  return { isMerged, modules, notReplaced, changed, missing, extra, unchanged };
}

function stepsOf(
  { conversion, changes, replaced }: MergePlan,
  weights: BaseWeights,
  sources: readonly CheckpointSession[],
): readonly Step[] {
  const [merged] = sources as [CheckpointSession];
  const byName = new Map(merged.checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
  return conversion.tensors.map(({ tensor, name }): Step => {
    const found = byName.get(name) ?? weights.find(name.replace(/\.weight$/, ""));
    if (found === undefined) return { name };
    if (found.shape.join() !== tensor.shape.join()) return { name, found };
    const updates = changes.get(tensor);
    const whole = replaced.get(tensor);
    if (updates === undefined) {
      const meant = whole?.tensor ?? tensor;
      const source = whole === undefined ? 1 : sources.indexOf(whole.session);
      return { name, found, isReplaced: whole !== undefined, task: { kind: "verify", found, meant, source } };
    }
    if (!isWritableDtype(found.dtype)) return { name, found, refusal: quantised(merged, found) };
    const numbered = updates.map(({ session, ...update }) => ({
      ...update,
      session: {
        adapterConfig: { fanInFanOut: session.adapterConfig?.fanInFanOut === true },
        checkpoint: { path: session.checkpoint.path },
        source: sources.indexOf(session),
      },
    }));
    return { name, found, task: { kind: "verify", found, meant: tensor, source: 1, updates: numbered } };
  });
}

function quantised({ checkpoint }: CheckpointSession, { name, dtype }: Tensor): CheckpointError {
  const message = `${name} is ${dtype}: what rounding to codes left of an update cannot be held against it.`;
  return new CheckpointError("NotMergeable", message, undefined, checkpoint.path);
}

/** `save_pretrained` leaves out a head that is the embedding. */
function isTiedHead({ folder }: CheckpointSession, name: string): boolean {
  return /(?:^|\.)lm_head\.weight$/.test(name) && folder.config?.value.get("tie_word_embeddings") === true;
}
