import { baseChangedBy } from "../../adapter/modifiedBase";
import { BaseWeights } from "../../base/baseWeights";
import { scaledMatrix } from "../../linalg/matrix";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { relativePathFrom } from "../../stage/stageFileText";
import { isWritableDtype } from "../../tensors/encode";
import { plural } from "../../text/quantities";
import type { IntruderReport } from "../../update/intruders";
import { alignAdapters, type CombinedModule, type Contribution } from "../combine/alignAdapters";
import { targetFormats, targetOutputModule } from "../dialect/dialectOutput";
import { FactorQueue, type FactorWork } from "../factorQueue";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "../writeAdapter";
import { type CalmedUpdate, type IntrudersTask, intrudersIn } from "./calmModule";

export interface IntruderRequest extends FactorWork {
  readonly adapter: CheckpointSession;
  readonly base: CheckpointSession;
  /** What stays of each intruder direction of W + ΔW, from 0 to 1; PEFT keeps 0.75. */
  readonly scale: number;
}

export type ReduceIntrudersRequest = IntruderRequest & AdapterTarget;

/** One module before and after. */
export interface CalmedModule extends CalmedUpdate {
  readonly module: string;
}

export interface CalmedAdapter extends WrittenAdapter {
  readonly calmed: readonly CalmedModule[];
}

/**
 * Scales down directions of W + ΔW that are like none of W's (arXiv 2410.21228; PEFT's reduce_intruder_dimension):
 * ΔW′ = ΔW + (scale − 1)·Σ σᵢuᵢvᵢᵀ, cut to the rank that the module has.
 * @throws CheckpointError `NotCombinable`, `NoIntruders` where no module has any, and those of `writeAdapter`.
 */
export async function reduceIntruders(request: ReduceIntrudersRequest): Promise<CalmedAdapter> {
  const { adapter, base, scale, dtype, signal, toolVersion, now } = request;
  const { to, modules } = alignedModules(request);
  const queue = new FactorQueue(request, tasksOf(request, modules, scale), [adapter, base]);
  try {
    const calmed: CalmedModule[] = [];
    const unscaled = to === "diffusers" || to === "mlx";
    const written = await writeAdapter({
      ...request,
      format: targetFormats[to],
      sources: [adapter, base],
      parentConfig: adapter.folder.adapterConfig?.value,
      config: {},
      output: {
        modules: modules.map(({ name, contributions: [own] }) => {
          const { module } = own as Contribution;
          return targetOutputModule(to, module, name, module.rank, dtype);
        }),
        copies: [],
        metadata: new Map([["format", "pt"]]),
        factorsOf: async (_, at) => {
          const { factors, calmed: update } = await calmedNext(queue, adapter);
          calmed.push({ module: (modules[at] as CombinedModule).name, ...update });
          if (at === modules.length - 1) refuseCalm(adapter, calmed);
          const norm = update.normAfter;
          if (!unscaled) return { ...factors, scale: update.scale, norm };
          return { ...factors, scale: 1, norm, b: scaledMatrix(factors.b, update.scale) };
        },
      },
      provenance: () => {
        const { before, after } = totals(calmed);
        return {
          stage: "intruder-reduction",
          note: `Intruder directions scaled by ${scale}: ${plural(before, "direction")} before, ${after} after, over ${plural(modules.length, "module")}.`,
          createdBy: `checkpoint-explorer ${toolVersion}`,
          createdAt: now,
          parent: adapter.identity,
          base: relativePathFrom(request.path, base.identity),
          method: { name: "reduce-intruders", scale, intrudersBefore: before, intrudersAfter: after },
        };
      },
    });
    signal?.throwIfAborted();
    return { ...written, calmed };
  } finally {
    await queue.end();
  }
}

/** The intruders of every module, and nothing written. */
export async function findAllIntruders(
  request: IntruderRequest,
): Promise<readonly { readonly module: string; readonly report: IntruderReport }[]> {
  const { adapter, base } = request;
  const { modules } = alignedModules(request);
  const queue = new FactorQueue(request, tasksOf(request, modules, undefined), [adapter, base]);
  try {
    const found: { module: string; report: IntruderReport }[] = [];
    for (const { name } of modules)
      found.push({ module: name, report: (await calmedNext(queue, adapter)).calmed.before });
    return found;
  } finally {
    await queue.end();
  }
}

/** Over all modules. */
export function totals(calmed: readonly CalmedModule[]): { readonly before: number; readonly after: number } {
  const sum = (of: (module: CalmedModule) => IntruderReport) =>
    calmed.reduce((count, module) => count + intrudersIn(of(module)), 0);
  return { before: sum(({ before }) => before), after: sum(({ before, after }) => after ?? before) };
}

/** @throws CheckpointError `NotCombinable` where a module has no plain factors, or the base was changed at the start. */
export function alignedModules({ adapter }: Pick<IntruderRequest, "adapter">) {
  const init = baseChangedBy(adapter.adapterConfig, adapter.adapter?.modules);
  if (init !== undefined)
    throw refusal(adapter, `It was initialised by ${init}: its factors belong to a base that was changed.`);
  return alignAdapters([{ session: adapter, weight: 1 }]);
}

/**
 * What is to be done for each module, when its turn comes.
 * @throws CheckpointError `NotCombinable` where the base has no weight, or one without values.
 */
function* tasksOf(
  { adapter, base }: IntruderRequest,
  modules: readonly CombinedModule[],
  scale: number | undefined,
): Generator<IntrudersTask> {
  const weights = new BaseWeights(base.checkpoint.tensors);
  for (const { contributions, name } of modules) {
    const { module } = contributions[0] as Contribution;
    const weight = weights.find(module.module);
    if (weight === undefined)
      throw refusal(adapter, `The base has no weight for ${name}. Is it the right base?`);
    if (!isWritableDtype(weight.dtype))
      throw refusal(base, `${weight.name} is ${weight.dtype}: it has no values.`);
    yield { kind: "intruders", module, weight, scale };
  }
}

/** @throws CheckpointError `NotCombinable` */
async function calmedNext(queue: FactorQueue, adapter: CheckpointSession) {
  const { factors, calmed, refused } = await queue.next();
  if (factors === undefined || calmed === undefined)
    throw refusal(adapter, refused ?? "The intruders were not found.");
  return { factors, calmed };
}

function refuseCalm(adapter: CheckpointSession, calmed: readonly CalmedModule[]): void {
  if (totals(calmed).before > 0) return;
  const message = "No module has an intruder direction: there is nothing to scale down.";
  throw new CheckpointError("NoIntruders", message, undefined, adapter.checkpoint.path);
}

function refusal({ checkpoint }: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotCombinable", message, undefined, checkpoint.path);
}
