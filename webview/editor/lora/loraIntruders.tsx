import { formatAligned, plural } from "../../../src/core/text/quantities";
import type { IntruderDirection, IntruderReport } from "../../../src/core/update/intruders";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import type { OnDemand } from "../onDemand";

export interface LoraIntrudersProps {
  readonly model: EditorModel;
  readonly module: string;
}

/** Strong directions of the changed weight that are like none of the base weight's, for one module. */
export function LoraIntruders({ model, module }: LoraIntrudersProps) {
  const { lora } = model;
  return (
    <section class="lora-intruders" aria-label="Intruder dimensions">
      <h3 class="strong">Intruder dimensions</h3>
      {lora.basePath === undefined ? (
        <p class="dim">
          They are told from the base weight.{" "}
          <button type="button" class="link" onClick={() => void lora.chooseBase()}>
            Choose base model…
          </button>
        </p>
      ) : (
        <IntruderSearch asked={lora.intrudersOf(module)} />
      )}
    </section>
  );
}

/** Looks for them when it is asked to: it may take a minute. */
export function IntruderSearch({ asked }: { readonly asked: OnDemand<IntruderReport> }) {
  const answer = asked.answer.value;
  switch (answer.status) {
    case "not asked":
    case "cancelled":
      return (
        <div class="button-row">
          <Button
            title="Strong directions of W + ΔW that are like none of W's: they go with forgetting"
            onClick={() => void asked.ask()}
          >
            Look for them
          </Button>
        </div>
      );
    case "waiting":
      return (
        <div class="button-row">
          <span role="status">Decomposing the base weight…</span>
          <Button onClick={() => asked.cancel()}>Cancel</Button>
        </div>
      );
    case "failed":
      return (
        <p>
          <Icon name="warning" class="warning" label="Warning" /> {safeText(answer.error.message)}
        </p>
      );
    case "ready":
      return <Report report={answer.value} />;
  }
}

function Report({ report }: { readonly report: IntruderReport }) {
  const { directions, exact, compared } = report;
  const found = directions.filter(({ verdict }) => verdict !== "no").length;
  const among = `${found} of the ${directions.length} strongest directions of W + ΔW`;
  const sentence = exact
    ? `${among} ${found === 1 ? "is" : "are"} like none of W's (|cosine| below 0.5).`
    : `${among} may be intruders: ${found === 1 ? "it is" : "they are"} like none of the ${plural(compared, "strongest direction")} of W. The weaker ones were not looked at.`;
  return (
    <>
      <p>
        {found === 0
          ? `None of the ${directions.length} strongest directions of W + ΔW: each is like one of W's.`
          : sentence}
      </p>
      <table class="lora-intruder-rows" aria-label="Strongest directions of W + ΔW">
        <thead>
          <tr>
            <th scope="col">σ of W + ΔW</th>
            <th scope="col" title="Largest |cosine| with a direction of W">
              Closest in W
            </th>
            <th scope="col">Intruder</th>
          </tr>
        </thead>
        <tbody>
          {directions.map((direction, index) => (
            <tr key={index}>
              <td class="number">{formatAligned(direction.singularValue)}</td>
              <td class="number">{formatAligned(direction.cosine, 3)}</td>
              <td>{verdictText(direction)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function verdictText({ verdict, bound }: IntruderDirection): string {
  switch (verdict) {
    case "intruder":
      return "yes";
    case "possible":
      return `possible (others up to ${formatAligned(bound, 2)})`;
    case "no":
      return "no";
  }
}
