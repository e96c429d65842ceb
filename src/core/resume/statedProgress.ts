import type { ToldProgress } from "../checkpoint/progressInside";
import type { ProgressInputs } from "./resumeInputs";

/** What the file says itself, and not what its optimizer counted. */
export function statedProgress(told: ToldProgress | undefined): ProgressInputs | undefined {
  if (told === undefined) return undefined;
  const { summary, stepPlace, epochPlace, episodePlace } = told;
  const place = stepPlace ?? epochPlace ?? episodePlace;
  if (place === undefined) return undefined;
  return {
    place,
    step: stepPlace === undefined ? undefined : summary.step,
    epoch: epochPlace === undefined ? undefined : summary.epoch,
    planned: summary.maxSteps,
    ...(episodePlace === undefined ? {} : { episode: summary.episode }),
    ...(stepPlace !== undefined && !ofOptimizer.test(stepPlace) ? { countsOther: true as const } : {}),
  };
}

/** Other counts are those of batches, frames or an environment, of which an optimizer makes one of many. */
const ofOptimizer = /(?:^|\.)(?:global_steps?|iter_num|num_updates|number_training_updates|training_step)$/i;
