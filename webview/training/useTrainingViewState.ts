import type { ChartChoices } from "../../src/protocol/chartCalls";
import { usePersisted } from "../shell/persisted";
import {
  type ChangeViewState,
  startViewState,
  type TrainingViewState,
  viewStateFrom,
} from "./trainingViewState";

/**
 * @param remembered what was chosen in charts before, for a page that is new.
 * @param remember keeps it for the next one.
 */
export function useTrainingViewState(
  stateKey: string,
  remembered: ChartChoices | undefined,
  remember: (choices: ChartChoices) => void,
): readonly [viewState: TrainingViewState, change: ChangeViewState] {
  const [viewState, keep] = usePersisted(stateKey, startViewState, (saved) =>
    viewStateFrom({ ...remembered, ...saved }),
  );
  const change = (part: Partial<TrainingViewState>) => {
    keep(part);
    if (Object.keys(part).some((key) => choiceKeys.has(key))) remember(choicesOf({ ...viewState, ...part }));
  };
  return [viewState, change];
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
}: TrainingViewState) {
  return { axis, logarithmic, smoothing, weight, radius, smoothed, hidden, folded } satisfies ChartChoices;
}

const choiceKeys: ReadonlySet<string> = new Set(Object.keys(choicesOf(startViewState)));
