import { rangeText } from "../../adapter/adapterText";
import { isTargetParameter } from "../../adapter/expertNames";
import { type Provenance, relativePathFrom } from "../../stage/stageFileText";
import { dtypeBits } from "../../tensors/dtype";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import { formatShare, plural } from "../../text/quantities";
import { paddedFactors, targetFormats, targetOutputModule } from "../dialect/dialectOutput";
import { FactorQueue, type FactorWork, type MadeFactors } from "../factorQueue";
import type { WeightedAdapter } from "../model/mergePlan";
import { planReduction, type ReductionPlan, type ReductionRule } from "../reductionPlan";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "../writeAdapter";
import {
  type AlignedAdapters,
  alignAdapters,
  type CombinedModule,
  type Contribution,
  notCombinable,
} from "./alignAdapters";
import type { Conflict } from "./conflict";
import type { MeasuredSum, StackTask, SumTask } from "./measureSum";

export interface CombinePlanRequest extends FactorWork {
  readonly adapters: readonly WeightedAdapter[];
  /** How ranks are cut; without it the sum is exact, and its rank that of all together. */
  readonly rule?: ReductionRule;
}

export type CombineRequest = CombinePlanRequest & AdapterTarget;

export interface PlannedCombination {
  readonly module: string;
  /** Of which adapters, how much: weight · ‖ΔW‖. */
  readonly parts: readonly { readonly adapter: number; readonly norm: number }[];
  readonly conflicts: readonly Conflict[];
  /** ‖Σ weight·ΔW‖_F. */
  readonly norm: number;
}

/** What a combination will be, before it is written. */
export interface CombinePlan {
  readonly aligned: AlignedAdapters;
  readonly modules: readonly PlannedCombination[];
  readonly ranks: ReductionPlan;
  /** Of two adapters over all modules: the cosine of their weighted updates. */
  readonly cosines: readonly { readonly a: number; readonly b: number; readonly cosine: number }[];
}

export interface CombinedAdapter extends WrittenAdapter {
  readonly plan: CombinePlan;
}

/** @throws CheckpointError `NotCombinable` where a sum of the updates has no meaning or cannot be computed. */
export async function planCombination(request: CombinePlanRequest): Promise<CombinePlan> {
  return planWith(request);
}

async function planWith(request: CombinePlanRequest): Promise<CombinePlan> {
  const { adapters, rule, report, signal } = request;
  const aligned = alignAdapters(adapters);
  const modules: PlannedCombination[] = [];
  const reducible = [];
  const inner = new Map<string, number>();
  const squares = adapters.map(() => 0);
  const tasks = aligned.modules.map((module): SumTask => ({ kind: "sum", parts: partsOf(module) }));
  const queue = new FactorQueue(
    request,
    tasks,
    adapters.map(({ session }) => session),
  );
  try {
    for (const [at, { name, contributions }] of aligned.modules.entries()) {
      signal?.throwIfAborted();
      report?.(at, aligned.modules.length, name);
      const sum = measuredOf(await queue.next(), contributions);
      for (const [i, { adapter }] of contributions.entries())
        squares[adapter] = (squares[adapter] as number) + (sum.norms[i] as number) ** 2;
      for (const { a, b, product } of sum.products)
        inner.set(`${a} ${b}`, (inner.get(`${a} ${b}`) ?? 0) + product);
      const dtype = contributions[0]?.module.a.dtype ?? "F32";
      reducible.push({
        ...{ module: name, rank: sum.rank, inFeatures: sum.cols, outFeatures: sum.rows },
        singularValues: sum.singularValues,
        bytesPerValue: (dtypeBits.get(dtype) ?? 32) / 8,
      });
      modules.push({
        module: name,
        parts: contributions.map(({ adapter }, i) => ({ adapter, norm: sum.norms[i] as number })),
        conflicts: sum.conflicts,
        norm: sum.norm,
      });
    }
  } finally {
    await queue.end();
  }
  const ranks = planReduction(reducible, {
    rule: rule ?? { kind: "rank", rank: Number.MAX_SAFE_INTEGER },
    scope: "module",
  });
  const cosines = [...inner].map(([key, product]) => {
    const [a = 0, b = 0] = key.split(" ").map(Number);
    return { a, b, cosine: product / Math.sqrt((squares[a] as number) * (squares[b] as number)) };
  });
  return { aligned, modules, ranks, cosines };
}

function partsOf({ contributions }: CombinedModule): SumTask["parts"] {
  return contributions.map(({ adapter, weight, module }) => ({ adapter, weight, module }));
}

/** @throws CheckpointError `NotCombinable` where one of the updates holds NaN. */
function measuredOf(made: MadeFactors, contributions: readonly Contribution[]): MeasuredSum {
  if (made.measured !== undefined) return made.measured;
  throw notFinite(made, contributions);
}

function notFinite({ refusedBy = 0 }: MadeFactors, contributions: readonly Contribution[]) {
  const { session, module } = contributions[refusedBy] as Contribution;
  return notCombinable(session, `${module.module} holds NaN or infinite values.`);
}

/**
 * Writes the weighted sum of adapters as one, in the dialect of the first: their factors side by side, which is exact,
 * or the best approximation of that at lower ranks. Read back and held against the sum.
 * @throws CheckpointError `NotCombinable`, and those of `writeAdapter`.
 */
export async function combine(request: CombineRequest): Promise<CombinedAdapter> {
  const { adapters, rule } = request;
  const plan = await planWith(request);
  const { to, modules } = plan.aligned;
  const first = adapters[0] as WeightedAdapter;
  const sources = adapters.map(({ session }) => session);
  const dtype = request.dtype ?? widest(plan.aligned);
  const isOneForAll = to === "mlx";
  const rankOf = (at: number) => plan.ranks.modules[at]?.rank ?? 1;
  const most = Math.max(
    ...modules.map((module, at) => (rule === undefined ? rankOfSum(module) : rankOf(at))),
  );
  const tasks = modules.map((module, at): StackTask => {
    const rank = rule === undefined ? undefined : rankOf(at);
    return { kind: "stack", parts: partsOf(module), rank, isScaleOne: to === "diffusers" || isOneForAll };
  });
  const queue = new FactorQueue(request, tasks, sources);
  const written = await writeAdapter({
    ...request,
    format: targetFormats[to],
    sources,
    parentConfig: first.session.folder.adapterConfig?.value,
    // Of the first adapter, these would keep the modules of the others out.
    config: {
      ...targetsOf(plan.aligned),
      exclude_modules: null,
      ...{ layers_to_transform: null, layers_pattern: null },
    },
    output: {
      modules: modules.map((module, at) =>
        targetOutputModule(
          to,
          (module.contributions[0] as (typeof module.contributions)[0]).module,
          module.name,
          isOneForAll ? most : rule === undefined ? rankOfSum(module) : rankOf(at),
          dtype,
        ),
      ),
      copies: [],
      metadata: new Map([["format", "pt"]]),
      factorsOf: async (_, at) => {
        const made = await queue.next();
        const { factors, scale = 1 } = made;
        if (factors === undefined) throw notFinite(made, (modules[at] as CombinedModule).contributions);
        const { norm } = plan.modules[at] as PlannedCombination;
        return {
          ...(isOneForAll ? paddedFactors(factors, most) : factors),
          scale,
          norm: rule === undefined ? norm : (plan.ranks.modules[at]?.norm ?? norm),
        };
      },
    },
    provenance: () => provenanceOf(request, plan),
  }).finally(() => queue.end());
  return { ...written, plan };
}

/** What PEFT wraps as a parameter is no target by its module: it would be wrapped twice. */
function targetsOf({ modules }: AlignedAdapters): Readonly<Record<string, unknown>> {
  const parameters = new Set<string>();
  const targets = modules.filter(({ contributions }) => {
    const own = contributions.flatMap(({ session, module }) =>
      isTargetParameter(module.module, session.adapterConfig)
        ? (session.adapterConfig?.targetParameters ?? [])
        : [],
    );
    for (const each of own) parameters.add(each);
    return own.length === 0;
  });
  return {
    target_modules: targets.map(({ name }) => name),
    ...(parameters.size === 0 ? {} : { target_parameters: [...parameters] }),
  };
}

function rankOfSum({ contributions }: CombinedModule): number {
  return contributions.reduce((sum, { module }) => sum + module.rank, 0);
}

function widest({ modules }: AlignedAdapters): WritableDtype {
  const found = new Set(
    modules.flatMap(({ contributions }) => contributions.map(({ module }) => module.a.dtype)),
  );
  const [only, ...others] = found;
  return only !== undefined && others.length === 0 && isWritableDtype(only) ? only : "F32";
}

function provenanceOf(
  { adapters, rule, toolVersion, now, path }: CombineRequest,
  { aligned, ranks }: CombinePlan,
): Provenance {
  const after = rangeText(ranks.modules.map(({ rank }) => rank));
  return {
    stage: "combined",
    note: `The weighted sum of ${plural(adapters.length, "adapter")}, ${plural(aligned.modules.length, "module")}, rank ${after}; ${rule === undefined ? "exact" : `${formatShare(ranks.energyKept)} of the energy kept, error ${formatShare(ranks.error)} of the sum`}.`,
    createdBy: `checkpoint-explorer ${toolVersion}`,
    createdAt: now,
    parent: adapters[0]?.session.identity ?? path,
    method: {
      name: "combine",
      adapters: adapters.map(({ session, weight }) => ({
        path: relativePathFrom(path, session.identity),
        weight,
      })),
      ...rule,
    },
    energyKept: ranks.energyKept,
  };
}
