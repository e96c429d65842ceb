import { rangeText } from "../../adapter/adapterText";
import type { TensorReader } from "../../checkpoint/tensorReader";
import { createMatrix, scaledMatrix } from "../../linalg/matrix";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { LongWork } from "../../session/longWork";
import { type Provenance, relativePathFrom } from "../../stage/stageFileText";
import { dtypeBits } from "../../tensors/dtype";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import { formatShare, plural } from "../../text/quantities";
import { type Factors, loadFactors } from "../../update/factors";
import { truncatedFactors } from "../../update/truncatedFactors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import { paddedFactors, targetFormats, targetOutputModule } from "../dialect/dialectOutput";
import type { WeightedAdapter } from "../model/mergePlan";
import { planReduction, type ReductionPlan, type ReductionRule } from "../reductionPlan";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "../writeAdapter";
import { type AlignedAdapters, alignAdapters, type CombinedModule, notCombinable } from "./alignAdapters";
import { type Conflict, conflictOf, innerProduct } from "./conflict";

export interface CombinePlanRequest extends LongWork {
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
  const readers = readersOf(request.adapters);
  try {
    return await planWith(request, readers);
  } finally {
    await closeAll(readers);
  }
}

type Readers = ReadonlyMap<CheckpointSession, TensorReader>;

function readersOf(adapters: readonly WeightedAdapter[]): Readers {
  return new Map(adapters.map(({ session }) => [session, session.tensorReader()]));
}

async function closeAll(readers: Readers): Promise<void> {
  await Promise.all([...readers.values()].map((reader) => reader.close()));
}

async function planWith(
  { adapters, rule, report, signal }: CombinePlanRequest,
  readers: Readers,
): Promise<CombinePlan> {
  const aligned = alignAdapters(adapters);
  const modules: PlannedCombination[] = [];
  const reducible = [];
  const inner = new Map<string, number>();
  const squares = adapters.map(() => 0);
  for (const [at, module] of aligned.modules.entries()) {
    signal?.throwIfAborted();
    report?.(at, aligned.modules.length, module.name);
    const parts = await loadParts(module, readers, signal);
    const analyses = parts.map(({ factors }) => new UpdateAnalysis(factors));
    const sum = new UpdateAnalysis(stacked(parts));
    const conflicts: Conflict[] = [];
    for (const [i, one] of parts.entries()) {
      const norm = Math.abs(one.weight) * (analyses[i] as UpdateAnalysis).metrics.frobenius;
      squares[one.adapter] = (squares[one.adapter] as number) + norm * norm;
      for (const [j, other] of parts.entries()) {
        if (j <= i) continue;
        const key = `${one.adapter} ${other.adapter}`;
        inner.set(
          key,
          (inner.get(key) ?? 0) + one.weight * other.weight * innerProduct(one.factors, other.factors),
        );
        const conflict = conflictOf(
          [one.adapter, analyses[i] as UpdateAnalysis],
          [other.adapter, analyses[j] as UpdateAnalysis],
          Math.sign(one.weight * other.weight),
        );
        if (conflict !== undefined) conflicts.push(conflict);
      }
    }
    const { rows, cols, metrics } = sum;
    const first = (module.contributions[0] as (typeof module.contributions)[0]).module;
    reducible.push({
      ...{ module: module.name, rank: sum.factors.a.rows, inFeatures: cols, outFeatures: rows },
      singularValues: metrics.singularValues,
      bytesPerValue: (dtypeBits.get(first.a.dtype) ?? 32) / 8,
    });
    modules.push({
      module: module.name,
      parts: parts.map(({ adapter, weight }, i) => ({
        adapter,
        norm: Math.abs(weight) * (analyses[i] as UpdateAnalysis).metrics.frobenius,
      })),
      conflicts,
      norm: metrics.frobenius,
    });
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

interface LoadedPart {
  readonly adapter: number;
  readonly weight: number;
  readonly factors: Factors;
}

/** @throws CheckpointError `NotCombinable` where the factors of a module cannot be read or hold NaN. */
async function loadParts(
  { contributions }: CombinedModule,
  readers: Readers,
  signal: AbortSignal | undefined,
): Promise<readonly LoadedPart[]> {
  return Promise.all(
    contributions.map(async ({ adapter, session, module, weight }) => {
      const factors = await loadFactors(
        module,
        (tensor) => (readers.get(session) as TensorReader).read(tensor, signal),
        signal,
      );
      if (!new UpdateAnalysis(factors).metrics.finite)
        throw notCombinable(session, `${module.module} holds NaN or infinite values.`);
      return { adapter, weight, factors };
    }),
  );
}

/** [B₁ w₂s₂/w₁s₁·B₂ …] and [A₁; A₂; …] with the scale w₁s₁: the first keeps its bits, and all do where scales are one. */
function stacked(parts: readonly LoadedPart[]): Factors {
  const [first] = parts;
  if (first === undefined) throw new Error("A module without a part.");
  const scale = first.weight * first.factors.scale;
  if (parts.length === 1 && scale !== 0) return { ...first.factors, scale };
  // A scale of 0 could carry no other.
  const common = scale === 0 ? 1 : scale;
  const rank = parts.reduce((sum, { factors }) => sum + factors.a.rows, 0);
  const { cols } = first.factors.a;
  const { rows } = first.factors.b;
  const [a, b] = [createMatrix(rank, cols), createMatrix(rows, rank)];
  let at = 0;
  for (const { factors, weight } of parts) {
    const own = factors.a.rows;
    const share = (weight * factors.scale) / common;
    a.data.set(factors.a.data, at * cols);
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < own; k++)
        b.data[row * rank + at + k] = share * (factors.b.data[row * own + k] as number);
    at += own;
  }
  return { a, b, scale: common, alpha: undefined, finite: true };
}

/**
 * Writes the weighted sum of adapters as one, in the dialect of the first: their factors side by side, which is exact,
 * or the best approximation of that at lower ranks. Read back and held against the sum.
 * @throws CheckpointError `NotCombinable`, and those of `writeAdapter`.
 */
export async function combine(request: CombineRequest): Promise<CombinedAdapter> {
  const { adapters, rule, signal } = request;
  const readers = readersOf(adapters);
  try {
    const plan = await planWith(request, readers);
    const { to, modules } = plan.aligned;
    const first = adapters[0] as WeightedAdapter;
    const dtype = request.dtype ?? widest(plan.aligned);
    const isOneForAll = to === "mlx";
    const rankOf = (at: number) => plan.ranks.modules[at]?.rank ?? 1;
    const most = Math.max(
      ...modules.map((module, at) => (rule === undefined ? rankOfSum(module) : rankOf(at))),
    );
    const written = await writeAdapter({
      ...request,
      format: targetFormats[to],
      sources: adapters.map(({ session }) => session),
      parentConfig: first.session.folder.adapterConfig?.value,
      // Of the first adapter, these would keep the modules of the others out.
      config: {
        ...{ target_modules: modules.map(({ name }) => name), exclude_modules: null },
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
          const sum = stacked(await loadParts(modules[at] as CombinedModule, readers, signal));
          const { norm } = plan.modules[at] as PlannedCombination;
          const scale = to === "diffusers" || isOneForAll ? 1 : sum.scale;
          const exact = { a: sum.a, b: scaledMatrix(sum.b, sum.scale / scale) };
          if (rule === undefined)
            return { ...(isOneForAll ? paddedFactors(exact, most) : exact), scale, norm };
          const kept = truncatedFactors(new UpdateAnalysis(sum), rankOf(at), Math.abs(scale));
          return {
            ...(isOneForAll ? paddedFactors(kept, most) : kept),
            scale: Math.abs(scale),
            norm: plan.ranks.modules[at]?.norm ?? norm,
          };
        },
      },
      provenance: () => provenanceOf(request, plan),
    });
    return { ...written, plan };
  } finally {
    await closeAll(readers);
  }
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
