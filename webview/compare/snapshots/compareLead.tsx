import type { CompareView } from "../../../src/core/compare/compareView";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Banner } from "../../ui/states";
import type { CompareModel } from "../compareModel";
import { inStageOrder, isInStageOrder } from "./stageOrder";
import { unbroken } from "./stepSummaries";

export interface CompareLeadProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  /** Between the columns stands what happened from one to the other. */
  readonly hasTrack: boolean;
}

/** The sentences of the steps stand between the columns: one is not said twice, and many are no summary. */
const toldSteps = { fewest: 2, most: 3 };

/** What the comparison comes to, in a sentence, and what must be known before the numbers are trusted. */
export function CompareLead({ model, view, hasTrack }: CompareLeadProps) {
  const readable = view.columns.filter(({ failure }) => failure === undefined);
  // Stages are steps on the way of an adapter; two models have none.
  const isUnstaged = view.modules.length > 0 && readable.every(({ stage }) => stage === undefined);
  const count = view.steps?.length ?? 0;
  const story =
    count >= (hasTrack ? toldSteps.fewest : 1) && count <= toldSteps.most ? view.story : undefined;
  return (
    <div class="compare-lead">
      {isUnstaged && (
        <Banner
          tone="warning"
          action={{
            label: "Set stages…",
            onClick: () => model.host.notify("setStages", { paths: readable.map(({ path }) => path) }),
          }}
        >
          No stage of these snapshots is known, neither from files and names nor from their tensors. Once they
          are set, the comparison tells reduction from training.
        </Banner>
      )}
      {story !== undefined && <p class="compare-story">{unbroken(safeText(asSentence(story)))}</p>}
      {!isInStageOrder(view.columns) && (
        <p>
          <button
            type="button"
            class="link"
            onClick={() => model.arrange(inStageOrder(view.columns).map(({ path }) => path))}
          >
            Arrange the columns in the order of the stages
          </button>
        </p>
      )}
      <Notices view={view} />
    </div>
  );
}

/** Warnings in sight; a note is one line. */
function Notices({ view }: { readonly view: CompareView }) {
  if (view.problems.length === 0) return null;
  const order = ["error", "warning", "info"];
  const sorted = [...view.problems].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return (
    <ul class="compare-notices" aria-label="To know before comparing">
      {sorted.map(({ severity, code, message }, at) => (
        <li key={`${at} ${code}`} class={severity}>
          <Icon name={severity} class={severity} label={severity} />
          <span>{safeText(message)}</span>
        </li>
      ))}
    </ul>
  );
}

function asSentence(story: string): string {
  return `${story.charAt(0).toUpperCase()}${story.slice(1)}.`;
}
