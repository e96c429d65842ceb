import type { ModelJob } from "../../src/core/report/jobs/modelJob";
import { formatBytes } from "../../src/core/text/quantities";
import type { MakeState } from "../../src/protocol/makeSurface";
import { PageShell } from "../shell/pageShell";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { Loading, Progress } from "../ui/states";
import { MadeView } from "./madeView";
import type { MakeModel } from "./makeModel";
import { PlanSources } from "./planSources";
import { PlanTarget } from "./planTarget";

const words: Readonly<Record<ModelJob["kind"], { readonly title: string; readonly what: string }>> = {
  merge: {
    title: "Merge into base",
    what: "Adds the adapter's ΔW to the weights of its base, and writes the result as a model of its own. The sources are never touched.",
  },
  convert: {
    title: "Save as safetensors",
    what: "Writes the tensors of a checkpoint as safetensors, which every loader reads by range and none executes. The source is never touched.",
  },
  combine: {
    title: "Combine adapters",
    what: "Writes the weighted sum of adapters as one adapter: exactly, or at a rank of your choice. The sources are never touched.",
  },
  dialect: {
    title: "Convert adapter",
    what: "Writes an adapter under the names that another program reads. The source is never touched.",
  },
  intruders: {
    title: "Reduce intruder directions",
    what: "Scales down directions that training added beside the base's own, which are tied to forgetting, and writes the result as a new adapter. The sources are never touched.",
  },
  average: {
    title: "Average checkpoints",
    what: "Writes the mean of several checkpoints of one model. The sources are never touched.",
  },
};

/** One page for everything that makes a new model: the plan, the writing, and what came of it. */
export function MakeApp({ model }: { readonly model: MakeModel }) {
  return (
    <PageShell model={model} loading="Looking at the sources…">
      {(state) => (
        <div class="make">
          <header class="make-head">
            <h1>
              <strong>{words[state.job.kind].title}</strong>
            </h1>
            {state.status !== "made" && <p class="dim">{words[state.job.kind].what}</p>}
          </header>
          <Stand model={model} state={state} />
        </div>
      )}
    </PageShell>
  );
}

function Stand({ model, state }: { readonly model: MakeModel; readonly state: MakeState }) {
  if (state.status === "made") return <MadeView model={model} result={state.result} job={state.job} />;
  if (state.status === "making") {
    const step = model.progress.value;
    const label = step === undefined ? "Writing…" : `Writing ${safeText(step.label)}`;
    return (
      <>
        <p class="mono wrap">{safeText(state.out)}</p>
        <Progress
          label={label}
          done={step?.done}
          total={step?.total}
          unit={formatBytes}
          onCancel={() => model.host.notify("cancel", null)}
        />
      </>
    );
  }
  return <Choosing model={model} failure={state.failure} />;
}

function Choosing({ model, failure }: { readonly model: MakeModel; readonly failure: string | undefined }) {
  const planned = model.planned.value;
  const { job } = model;
  const plan = model.lastPlan.value;
  if (job === undefined || (plan === undefined && planned.status === "waiting"))
    return <Loading label="Looking at the sources…" />;
  const message = planned.status === "failed" ? planned.message : failure;
  return (
    <>
      <PlanSources model={model} job={job} plan={plan} />
      {message !== undefined && (
        <p class="make-failure" role="alert">
          <Icon name="error" class="error" label="Error" /> <span>{safeText(message)}</span>
        </p>
      )}
      {plan !== undefined && (
        <PlanTarget model={model} job={job} plan={plan} isReady={planned.status === "ready"} />
      )}
    </>
  );
}
