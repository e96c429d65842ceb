import type { TrainerState } from "../../progress/trainerState";
import { formatCount, formatNumber, plural } from "../../text/quantities";

/**
 * What a trainer_state.json contradicts itself in, or the training arguments beside it, in sentences.
 * @param batch samples of one process in a step, by the training arguments
 */
export function progressDoubts(state: TrainerState, batch: number | undefined): readonly string[] {
  const { globalStep, maxSteps, epoch, numTrainEpochs, trainBatchSize, log } = state;
  const doubts: string[] = [];
  const last = log.reduce((most, { step }) => Math.max(most, step), 0);
  if (globalStep !== undefined && last > globalStep)
    doubts.push(
      `its log goes on to step ${formatCount(last)}, so that it is another moment's, or was edited`,
    );
  if (globalStep !== undefined && maxSteps !== undefined && maxSteps > 0 && globalStep > maxSteps)
    doubts.push(`${plural(maxSteps, "step")} were planned, of which ${formatCount(globalStep)} are made`);
  // Rounding, and the last batches of an epoch, make a little more of it.
  if (
    epoch !== undefined &&
    numTrainEpochs !== undefined &&
    numTrainEpochs > 0 &&
    epoch >= numTrainEpochs + 1
  )
    doubts.push(`it is at epoch ${formatNumber(epoch)} of ${formatNumber(numTrainEpochs)}`);
  if (batch !== undefined && trainBatchSize !== undefined && trainBatchSize !== batch)
    doubts.push(
      `it trained with a batch size of ${formatCount(trainBatchSize)} and training_args.bin says ${formatCount(batch)}: the size was changed, or found by trying, so that epochs and the data to skip are counted otherwise`,
    );
  return doubts;
}
