import type { RunProgress } from "../../src/core/runs/series/runProgress";
import { ShareBar } from "../ui/shareBar";
import { useClock } from "./clock";
import { progressText } from "./progressText";

export interface ProgressLineProps {
  readonly progress: RunProgress;
  readonly clockAheadMs: number;
}

/** Where a training stands: what it seems to be doing, how far it is, how fast it goes, how long it will take. */
export function ProgressLine({ progress, clockAheadMs }: ProgressLineProps) {
  const { activity, state, reason, step, share, facts } = progressText(progress, useClock(clockAheadMs));
  return (
    <div class="run-progress" role="group" aria-label="Progress">
      {state !== "" && (
        <span class={`run-state run-state-${activity}`} title={reason}>
          {state}
        </span>
      )}
      {step !== undefined && <span class="number">{step}</span>}
      {share !== undefined && (
        <>
          <ShareBar share={share} />
          <span class="number">{`${Math.floor(share * 100)} %`}</span>
        </>
      )}
      {facts.map((fact, index) => (
        <span key={index} class="dim number">
          {fact}
        </span>
      ))}
    </div>
  );
}
