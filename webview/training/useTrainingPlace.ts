import { useLayoutEffect, useState } from "preact/hooks";
import type { ChartChoices } from "../../src/protocol/chartCalls";
import { loadState, saveState } from "../host";
import { type ChangePlace, placeFrom, startPlace, type TrainingPlace } from "./trainingPlace";

/**
 * @param remembered what was chosen in charts before, for a page that is new.
 * @param remember keeps it for the next one.
 */
export function useTrainingPlace(
  stateKey: string,
  remembered: ChartChoices | undefined,
  remember: (choices: ChartChoices) => void,
): readonly [place: TrainingPlace, change: ChangePlace] {
  const [place, setPlace] = useState<TrainingPlace>(() =>
    placeFrom({ ...remembered, ...loadState<TrainingPlace>(stateKey) }),
  );
  // Not after the next paint: a page that is hidden before has none.
  useLayoutEffect(() => saveState(stateKey, place), [stateKey, place]);
  const change = (part: Partial<TrainingPlace>) => {
    setPlace((current) => ({ ...current, ...part }));
    if (Object.keys(part).some((key) => choiceKeys.has(key))) remember(choicesOf({ ...place, ...part }));
  };
  return [place, change];
}

function choicesOf({
  axis,
  logarithmic,
  smoothing,
  weight,
  radius,
  smoothed,
  hidden,
  folded,
}: TrainingPlace) {
  return { axis, logarithmic, smoothing, weight, radius, smoothed, hidden, folded } satisfies ChartChoices;
}

const choiceKeys: ReadonlySet<string> = new Set(Object.keys(choicesOf(startPlace)));
