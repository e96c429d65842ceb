import { placeOfModule } from "../adapter/moduleName";
import type { Problem } from "../problem/problem";
import { type HealthSubject, isWhole } from "./healthSubject";

/**
 * One run of layers without any update between layers that all have one: the file lost it, or it was left out on
 * purpose, which the configuration then says. Several gaps are the pattern of a model whose layers differ.
 */
export function adapterGaps(subject: HealthSubject): readonly Problem[] {
  const { adapter, adapterConfig: config, folder } = subject;
  if (adapter === undefined || adapter.carriesModel || !isWhole(subject)) return [];
  const isChosen =
    typeof config?.targetModules === "string" || config?.targetModules?.some((one) => /\d/.test(one));
  const layers = folder.adapterConfig?.value.get("layers_to_transform") ?? null;
  if (isChosen === true || layers !== null) return [];
  const stacks = new Map<string, Set<number>>();
  for (const { module } of adapter.modules) {
    const { stack, indexes } = placeOfModule(module);
    const [index] = indexes;
    if (indexes.length !== 1 || index === undefined) continue;
    stacks.set(stack, (stacks.get(stack) ?? new Set()).add(index));
  }
  return [...stacks].flatMap(([stack, present]) =>
    gapIn(
      stack,
      [...present].sort((a, b) => a - b),
    ),
  );
}

function gapIn(stack: string, layers: readonly number[]): readonly Problem[] {
  const gaps = layers.flatMap((layer, at) => {
    const before = layers[at - 1];
    return before === undefined || layer === before + 1 ? [] : [[before + 1, layer - 1] as const];
  });
  const [gap] = gaps;
  const [first = 0, last = 0] = [layers[0], layers.at(-1)];
  if (gap === undefined || gaps.length > 1 || layers.length < 2 * (gap[1] - gap[0] + 1) + 2) return [];
  const which = gap[0] === gap[1] ? `layer ${gap[0]}` : `layers ${gap[0]} to ${gap[1]}`;
  const message = `The adapter changes layers ${first} to ${last} of ${stack.replace(/\.\*$/, "")}, but not ${which}, and its configuration does not say so (layers_to_transform): was something lost?`;
  return [{ severity: "warning", code: "AdapterGap", message }];
}
