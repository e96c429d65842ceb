import { useEffect, useMemo } from "preact/hooks";
import type { TensorStatistics } from "../../../src/core/analysis/statisticColumns";
import type { OptimizerRow } from "../../../src/core/optimizer/optimizerView";
import type { MomentNumbers } from "../../../src/core/optimizer/updateSize";
import { formatCount, formatNumber } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { safeText } from "../../ui/safeText";
import { Banner, Loading } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";

export interface MomentsSectionProps {
  readonly model: EditorModel;
  readonly row: OptimizerRow;
}

/** What the two moments of a parameter are like, and how far its last step went. Read when it is asked for. */
export function MomentsSection({ model, row }: MomentsSectionProps) {
  const optimizer = model.optimizer.optimizer.value;
  const keys = row.state.map(({ key }) => key);
  const asked = useMemo(
    () => new OnDemand((wanted) => model.host.call("moments", { optimizer, parameter: row.index }, wanted)),
    [model.optimizer.parameters.value?.optimizer, optimizer, row.index],
  );
  useEffect(() => () => asked.cancel(), [asked]);
  if (!keys.includes("exp_avg") || !keys.includes("exp_avg_sq")) return null;
  const answer = asked.answer.value;
  return (
    <section class="statistics" aria-label="Moments">
      <h3 class="section-title">Moments</h3>
      {answer.status === "ready" ? (
        <Moments numbers={answer.value} />
      ) : answer.status === "waiting" ? (
        <Loading label="Reading both moments…" />
      ) : answer.status === "failed" ? (
        <Banner tone="error" action={{ label: "Try again", onClick: () => void asked.ask() }}>
          {safeText(answer.error.message)}
        </Banner>
      ) : (
        <div class="button-row">
          <Button onClick={() => void asked.ask()}>Measure moments and step size</Button>
        </div>
      )}
    </section>
  );
}

const shown: readonly (readonly [key: keyof TensorStatistics, title: string])[] = [
  ["mean", "Mean"],
  ["std", "Std"],
  ["min", "Min"],
  ["max", "Max"],
  ["l2", "L2 norm"],
  ["zeros", "Zeros"],
  ["nan", "NaN"],
  ["inf", "Infinite"],
];

function Moments({ numbers }: { readonly numbers: MomentNumbers | undefined }) {
  if (numbers === undefined) return <p class="dim">The moments are not kept as plain floats.</p>;
  const { first, second, update, settings, missing } = numbers;
  const columns = [first, second, ...(update === undefined ? [] : [update])];
  return (
    <>
      <table class="key-value-table plain moments" aria-label="Moments">
        <thead>
          <tr>
            <td />
            <th scope="col" class="mono">
              exp_avg
            </th>
            <th scope="col" class="mono">
              exp_avg_sq
            </th>
            {update !== undefined && (
              <th scope="col" title="|m̂| / (√v̂ + ε) · lr, without weight decay">
                last step
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map(([key, title]) => (
            <tr key={key}>
              <th scope="row">{title}</th>
              {columns.map((statistics, at) => (
                <td key={at === 0 ? "first" : at === 1 ? "second" : "update"} class="number">
                  {isCount(key) ? formatCount(statistics[key]) : formatNumber(statistics[key], 4)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="dim">
        {settings === undefined
          ? `No step size: ${missing ?? ""}`
          : `Last step: |m̂| / (√v̂ + ε) · lr with bias correction, step ${settings.step}, β ${settings.beta1}, ${settings.beta2}, ε ${formatNumber(settings.epsilon)}, lr ${formatNumber(settings.learningRate)}; without weight decay.`}
      </p>
    </>
  );
}

function isCount(key: keyof TensorStatistics): boolean {
  return key === "zeros" || key === "nan" || key === "inf";
}
