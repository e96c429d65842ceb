import { baseChangedBy, isToldByStart, namesOfOtherBases } from "../adapter/modifiedBase";
import type { Problem } from "../problem/problem";
import type { Snapshot } from "./openSnapshots";

/**
 * What a reader must know before trusting the numbers: other bases, recipes that move the base, mixed kinds.
 * @param initial index of the snapshot that the others were trained from, where it is known.
 */
export function describeBases(snapshots: readonly Snapshot[], initial: number | undefined): Problem[] {
  const problems: Problem[] = [];
  const open = snapshots.filter(({ session }) => session !== undefined);
  problems.push(...differentBases(open));
  problems.push(...modifiedBases(open, initial === undefined ? undefined : snapshots[initial]));
  const adapters = open.filter(({ session }) => session?.adapter !== undefined);
  if (adapters.length > 0 && adapters.length < open.length) {
    const models = open.filter(({ session }) => session?.adapter === undefined).map(({ label }) => label);
    const message = `${models.join(", ")}: no adapter. Updates of modules are compared between the adapters only.`;
    problems.push({ severity: "info", code: "MixedKinds", message });
  }
  const factored = adapters.filter(({ session }) => session?.adapter?.dialect === "svd-factors");
  if (factored.length > 0 && factored.length < adapters.length) {
    const labels = factored.map(({ label }) => label).join(", ");
    const message = `${labels}: the factors are whole weights, those of the others changes of weights. Their norms and distances mean different things.`;
    problems.push({ severity: "warning", code: "WeightsAndChanges", message });
  }
  return problems;
}

/** One note for all snapshots of a recipe. */
function modifiedBases(open: readonly Snapshot[], start: Snapshot | undefined): readonly Problem[] {
  const byRecipe = new Map<string, Snapshot[]>();
  for (const snapshot of open) {
    const recipe = baseChangedBy(snapshot.session?.adapterConfig, snapshot.session?.adapter?.modules);
    if (recipe === undefined) continue;
    byRecipe.set(recipe, [...(byRecipe.get(recipe) ?? []), snapshot]);
  }
  return [...byRecipe].map(([recipe, members]) => {
    const labels = members.map(({ label }) => label).join(", ");
    const [were, their] = members.length === 1 ? ["was", "its"] : ["were", "their"];
    const isOnlyStart = members.length === 1 && members[0] === start;
    const remedy = !isToldByStart(recipe)
      ? "What it took from the base stands in no adapter."
      : start === undefined
        ? "Add the adapter as it was at step 0 to see the change from the public base."
        : isOnlyStart
          ? "The change of the others from it is computed."
          : `The change from the public base is computed against ${start.label}.`;
    const message = `${labels} ${were} initialised with ${recipe}, which changes the base weights: ${their} B·A is the change from that modified base, not from the public one. ${remedy}`;
    return { severity: "info", code: "ModifiedBase", message };
  });
}

/** The same model is named by its place on a disk here and by its name on a hub there: the last part decides. */
function differentBases(open: readonly Snapshot[]): readonly Problem[] {
  const bases = new Set(open.flatMap(({ session }) => session?.adapterConfig?.baseModel ?? []));
  if (bases.size < 2) return [];
  const names = [...bases].join(", ");
  if (namesOfOtherBases(open.map(({ session }) => session?.adapterConfig)).length === 0) {
    const message = `The snapshots name their base model in different ways (${names}); by the last part it is the same.`;
    return [{ severity: "info", code: "BaseNames", message }];
  }
  const message = `The snapshots name different base models: ${names}. Updates of different bases are not comparable.`;
  return [{ severity: "warning", code: "DifferentBases", message }];
}
