import type { ToldProgress } from "../checkpoint/inside/progressInside";
import { mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import type { ProgressInputs } from "./resumeInputs";

/** What the file says itself, and not what its optimizer counted. */
export function statedProgress(
  told: ToldProgress | undefined,
  content: FileContent | undefined,
): ProgressInputs | undefined {
  if (told === undefined) return undefined;
  const { summary, epochsMade, stepPlace, epochPlace, episodePlace } = told;
  const place = stepPlace ?? epochPlace ?? episodePlace;
  if (place === undefined) return undefined;
  const isOfOptimizer =
    stepPlace === undefined ||
    ofOptimizer.test(stepPlace) ||
    (stepPlace === "global_step" && isOfLightning(content));
  return {
    place,
    step: stepPlace === undefined ? undefined : summary.step,
    epoch: epochPlace === undefined ? undefined : summary.epoch,
    planned: summary.maxSteps,
    ...(summary.maxEpochs === undefined ? {} : { plannedEpochs: summary.maxEpochs }),
    ...(epochsMade === undefined ? {} : { epochsMade }),
    ...(episodePlace === undefined ? {} : { episode: summary.episode }),
    ...(summary.stoppedEarly === true ? { stoppedEarly: true as const, stoppedBy: summary.stoppedBy } : {}),
    ...(isOfOptimizer ? {} : { countsOther: true as const }),
  };
}

/** Lightning counts the steps of its optimizers; a loop of somebody's own may count batches under the same name. */
function isOfLightning(content: FileContent | undefined): boolean {
  const top = mappingOf(content?.root);
  return top?.has("pytorch-lightning_version") === true || top?.has("optimizer_states") === true;
}

/** Other counts are those of batches, frames or an environment, of which an optimizer makes one of many. */
const ofOptimizer = /(?:^|\.)(?:iter_num|num_updates|number_training_updates|training_step)$/i;
