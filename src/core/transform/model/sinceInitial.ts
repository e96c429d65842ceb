import type { CheckpointSession } from "../../session/checkpointSession";
import { plural } from "../../text/quantities";
import type { WeightedAdapter } from "./mergePlan";
import { mergeableAdapter, notMergeable } from "./mergeRefusal";

/**
 * What an adapter changed since its initialisation: PiSSA, OLoRA, CorDA and LoRA-GA take their first factors out of the
 * base, W − s·B₀·A₀, so that s·(B·A − B₀·A₀) is what training did to W (peft/utils/save_and_load.py,
 * `subtract_mutated_init`).
 * @param initial the same adapter before training.
 * @throws CheckpointError `NotMergeable` where it is not.
 */
export function sinceInitial(
  { session, weight }: WeightedAdapter,
  initial: CheckpointSession,
): readonly WeightedAdapter[] {
  const init = session.adapterConfig?.initLoraWeights;
  // The base is rounded to codes afterwards, which no subtraction undoes.
  if (typeof init === "string" && init.startsWith("loftq"))
    throw notMergeable(session, "LoftQ changes the base by more than its first factors: it is not merged.");
  const [own, before] = [session, initial].map((each) => shapesOf(each)) as [Shapes, Shapes];
  const other = [...own].find(([module, shape]) => before.get(module) !== shape)?.[0];
  if (other !== undefined || own.size !== before.size)
    throw notMergeable(
      initial,
      `It is not ${session.checkpoint.name} before training: ${other === undefined ? `it has ${plural(before.size, "module")}, not ${own.size}` : `${other} is not in it with the same factors`}.`,
    );
  return [
    { session, weight, isRelative: true },
    { session: initial, weight: -weight, isRelative: true },
  ];
}

type Shapes = ReadonlyMap<string, string>;

function shapesOf(session: CheckpointSession): Shapes {
  const { modules } = mergeableAdapter(session, true);
  return new Map(
    modules.map(({ module, rank, outFeatures, inFeatures }) => [
      module,
      [outFeatures, rank, inFeatures].join(),
    ]),
  );
}
