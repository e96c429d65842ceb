import { baseName, parentPath } from "../../../src/core/bytes/paths";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { formatAligned, formatCount, formatNumber } from "../../../src/core/text/quantities";
import { type Fact, FactList } from "../../ui/factList";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";

/** By the names of its folder and of the run: the rest of the path is one of the machine that trained. */
function isThisOne(best: string, { path }: CheckpointSummary): boolean {
  const end = (of: string) => `${baseName(parentPath(of))}/${baseName(of)}`;
  return [path, parentPath(path)].some((own) => end(own) === end(best));
}

/** How far training was when this checkpoint was saved. */
export function ProgressSection({ summary }: { readonly summary: CheckpointSummary }) {
  const { progress } = summary;
  if (progress === undefined) return null;
  const {
    step,
    stepIsOptimizers,
    maxSteps,
    epoch,
    maxEpochs,
    episode,
    loss,
    evalLoss,
    learningRate,
    bestMetric,
    bestCheckpoint,
  } = progress;
  const facts: Fact[] = [];
  if (step !== undefined) {
    facts.push({
      name: stepIsOptimizers === true ? "Optimizer step" : "Step",
      value: formatCount(step),
      ...(maxSteps === undefined ? {} : { note: `of ${formatCount(maxSteps)}` }),
    });
  }
  if (epoch !== undefined) {
    facts.push({
      name: "Epoch",
      value: formatNumber(epoch, 3),
      ...(maxEpochs === undefined ? {} : { note: `of ${formatNumber(maxEpochs)}` }),
    });
  }
  if (episode !== undefined) facts.push({ name: "Episode", value: formatCount(episode) });
  if (progress.finished === true) facts.push({ name: "Training", value: "finished" });
  if (progress.stoppedEarly === true) facts.push({ name: "Training", value: "stopped early" });
  if (loss !== undefined) facts.push({ name: "Loss", value: formatAligned(loss) });
  if (evalLoss !== undefined) facts.push({ name: "Eval loss", value: formatAligned(evalLoss) });
  if (learningRate !== undefined) facts.push({ name: "Learning rate", value: formatNumber(learningRate, 3) });
  if (bestMetric !== undefined) {
    const { bestMetricName: name, bestIs } = progress;
    facts.push({
      name: name === undefined ? "Best metric" : `Best ${safeText(name)}`,
      value: formatAligned(bestMetric),
      ...(bestIs === undefined ? {} : { note: bestIs === "lowest" ? "lower is better" : "higher is better" }),
    });
  }
  for (const { name, value } of progress.metrics ?? [])
    facts.push({ name: safeText(name), value: formatAligned(value) });
  if (facts.length === 0 && bestCheckpoint === undefined) return null;
  return (
    <Section title="Training progress">
      <FactList facts={facts} />
      {bestCheckpoint !== undefined && (
        <p class="facts-note">
          <span class="dim">Best checkpoint</span>{" "}
          <span class="mono wrap" title={safeText(bestCheckpoint)}>
            {isThisOne(bestCheckpoint, summary) ? "this one" : safeText(bestCheckpoint)}
          </span>
        </p>
      )}
    </Section>
  );
}
