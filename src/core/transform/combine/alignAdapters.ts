import type { Adapter } from "../../adapter/adapter";
import type { LoraLayout } from "../../adapter/factorLayout";
import type { LoraModule } from "../../adapter/loraModule";
import { baseChangedBy } from "../../adapter/modifiedBase";
import { canonicalName } from "../../names/canonicalName";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { plural } from "../../text/quantities";
import { assumedScale } from "../assumedScale";
import { type TargetDialect, targetModules, UnnamedModuleError } from "../dialect/targetModules";
import type { WeightedAdapter } from "../model/mergePlan";
import { copiedWhole, reductionProblem } from "../reductionRefusal";

/** One adapter's part in a module of the combination. */
export interface Contribution {
  /** Which of the adapters. */
  readonly adapter: number;
  readonly session: CheckpointSession;
  readonly module: LoraModule;
  readonly weight: number;
}

export interface CombinedModule {
  /** As the first adapter's dialect calls it. */
  readonly name: string;
  readonly contributions: readonly Contribution[];
}

export interface AlignedAdapters {
  readonly to: TargetDialect;
  readonly modules: readonly CombinedModule[];
}

const targets: readonly TargetDialect[] = ["peft", "kohya", "diffusers", "mlx"];

/** Layouts whose base weight lies the other way: a sum with a linear one would be of another matrix. */
const turned: ReadonlySet<LoraLayout> = new Set(["embedding"]);

/**
 * The modules of several adapters, each with all that change it, whatever dialects they are in.
 * @throws CheckpointError `NotCombinable` where a sum of the updates is not what a model with all adapters would do.
 */
export function alignAdapters(adapters: readonly WeightedAdapter[]): AlignedAdapters {
  const [first] = adapters;
  const own = first?.session.adapter;
  const to = targets.find((each) => each === (own?.dialect === "lycoris" ? "kohya" : own?.dialect));
  if (first === undefined) throw new CheckpointError("NotCombinable", "There is no adapter to combine.");
  if (to === undefined)
    throw notCombinable(
      first.session,
      "Its dialect cannot be written here for new modules. Convert it first: convert ADAPTER --to peft.",
    );
  const byKey = new Map<string, { name: string; contributions: Contribution[] }>();
  for (const [at, { session, weight }] of adapters.entries()) {
    const adapter = combinableAdapter(session, adapters.length === 1);
    const names = namesIn(session, adapter, to);
    for (const [index, module] of adapter.modules.entries()) {
      const name = names[index] as string;
      const key = canonicalName(name);
      const known = byKey.get(key);
      const contribution = { adapter: at, session, module, weight };
      if (known === undefined) byKey.set(key, { name, contributions: [contribution] });
      else if (known.contributions.some((each) => each.adapter === at))
        throw notCombinable(session, `Two of its modules would both be ${known.name}.`);
      else {
        refuseShapes(session, module, (known.contributions[0] as Contribution).module);
        known.contributions.push(contribution);
      }
    }
  }
  return { to, modules: [...byKey.values()] };
}

export function notCombinable({ checkpoint }: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotCombinable", message, undefined, checkpoint.path);
}

function combinableAdapter(session: CheckpointSession, isAlone: boolean): Adapter {
  const { adapter, adapterConfig, checkpoint } = session;
  const reason = reductionProblem(session) ?? (adapter && assumedScale(adapter));
  if (adapter === undefined || reason !== undefined)
    throw notCombinable(session, reason ?? `${checkpoint.name} is no adapter.`);
  const dora = adapter.modules.find(({ magnitude }) => magnitude !== undefined);
  if (dora !== undefined)
    throw notCombinable(
      session,
      `${dora.module} has DoRA's magnitudes: its change depends on the whole weight, and has no sum with others. Merge one adapter into the base, then extract.`,
    );
  const biased = adapter.modules.find(({ bias }) => bias !== undefined);
  if (biased !== undefined)
    throw notCombinable(session, `${biased.module} has a bias of B, for which there is no rule here.`);
  const whole = copiedWhole(adapter);
  if (whole[0] !== undefined)
    throw notCombinable(
      session,
      `It holds ${plural(whole.length, "tensor")} beside its factors, e.g. ${whole[0].name}, which have no weighted sum with another adapter's.`,
    );
  const init = baseChangedBy(adapterConfig, adapter.modules);
  if (init !== undefined && !isAlone)
    throw notCombinable(
      session,
      `It was initialised by ${init} and belongs to a base that was changed at the start, on which the others do not stand. Save it converted first.`,
    );
  return adapter;
}

function namesIn(session: CheckpointSession, adapter: Adapter, to: TargetDialect): readonly string[] {
  const names = adapter.modules.map(({ module }) => module);
  const isOwn = adapter.dialect === to || (adapter.dialect === "lycoris" && to === "kohya");
  if (isOwn) return names;
  try {
    return targetModules(names, adapter.dialect, to);
  } catch (error) {
    if (error instanceof UnnamedModuleError) throw notCombinable(session, error.message);
    throw error;
  }
}

function refuseShapes(session: CheckpointSession, module: LoraModule, other: LoraModule): void {
  if (
    module.inFeatures === other.inFeatures &&
    module.outFeatures === other.outFeatures &&
    turned.has(module.layout) === turned.has(other.layout)
  )
    return;
  throw notCombinable(
    session,
    `${module.module} is ${module.outFeatures} × ${module.inFeatures} here and ${other.outFeatures} × ${other.inFeatures} in another adapter: they are of different models.`,
  );
}
