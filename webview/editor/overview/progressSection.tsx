import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { formatAligned, formatCount, formatNumber } from "../../../src/core/text/quantities";
import { type Fact, FactList } from "../../ui/factList";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";

/** How far training was when this checkpoint was saved. */
export function ProgressSection({ summary }: { readonly summary: CheckpointSummary }) {
  const { progress } = summary;
  if (progress === undefined) return null;
  const { step, maxSteps, epoch, loss, evalLoss, learningRate, bestMetric, bestCheckpoint } = progress;
  const facts: Fact[] = [];
  if (step !== undefined) {
    facts.push({
      name: "Step",
      value: formatCount(step),
      ...(maxSteps === undefined ? {} : { note: `of ${formatCount(maxSteps)}` }),
    });
  }
  if (epoch !== undefined) facts.push({ name: "Epoch", value: formatNumber(epoch, 3) });
  if (loss !== undefined) facts.push({ name: "Loss", value: formatAligned(loss) });
  if (evalLoss !== undefined) facts.push({ name: "Eval loss", value: formatAligned(evalLoss) });
  if (learningRate !== undefined) facts.push({ name: "Learning rate", value: formatNumber(learningRate, 3) });
  if (bestMetric !== undefined) facts.push({ name: "Best metric", value: formatAligned(bestMetric) });
  if (facts.length === 0 && bestCheckpoint === undefined) return null;
  return (
    <Section title="Training progress">
      <FactList facts={facts} />
      {bestCheckpoint !== undefined && (
        <p class="facts-note">
          <span class="dim">Best checkpoint</span> <span class="mono wrap">{safeText(bestCheckpoint)}</span>
        </p>
      )}
    </Section>
  );
}
