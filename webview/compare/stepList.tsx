import type { CompareView } from "../../src/core/lora/compareView";
import { safeText } from "../ui/safeText";
import { stepSummaries } from "./stepSummaries";

/** One sentence for what happened between each two neighbours. */
export function StepList({ view }: { readonly view: CompareView }) {
  return (
    <ol class="step-list" aria-label="From snapshot to snapshot">
      {stepSummaries(view).map(({ from, to, facts }, index) => (
        <li key={`${index} ${to}`}>
          <strong class="step-name">{`${safeText(from)} → ${safeText(to)}`}</strong>
          <span class="step-facts">
            {facts.map((fact, at) => (
              <span key={`${at} ${fact}`} class="step-fact">
                {safeText(fact)}
                {at < facts.length - 1 && " ·"}
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}
