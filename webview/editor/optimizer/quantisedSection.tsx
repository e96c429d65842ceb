import { useEffect, useMemo } from "preact/hooks";
import type { OptimizerRow } from "../../../src/core/optimizer/optimizerView";
import type { QuantisedState } from "../../../src/core/optimizer/quantisedState";
import { formatCount, formatNumber, plural } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";

export interface QuantisedSectionProps {
  readonly model: EditorModel;
  readonly row: OptimizerRow;
}

/** The moments of a parameter that are kept in 8 bits, by what they stand for; each is read when asked for. */
export function QuantisedSection({ model, row }: QuantisedSectionProps) {
  const keys = row.state.filter(({ quantised }) => quantised).map(({ key }) => key);
  if (keys.length === 0) return null;
  const optimizer = model.optimizer.optimizer.value;
  return (
    <div class="quantised">
      <p class="dim">
        Kept in 8 bits: each byte names one of 256 values of a table (qmap), which is scaled by the largest
        magnitude of its block (absmax). What follows is computed from these three, not stored.
      </p>
      {keys.map((key) => (
        <QuantisedMoment key={`${optimizer} ${row.index} ${key}`} model={model} row={row} stateKey={key} />
      ))}
    </div>
  );
}

interface QuantisedMomentProps extends QuantisedSectionProps {
  readonly stateKey: string;
}

function QuantisedMoment({ model, row, stateKey }: QuantisedMomentProps) {
  const parameter = row.index;
  const optimizer = model.optimizer.optimizer.value;
  const asked = useMemo(
    () =>
      new OnDemand((wanted) =>
        model.host.call("quantisedState", { optimizer, parameter, key: stateKey }, wanted),
      ),
    [model, optimizer, parameter, stateKey],
  );
  useEffect(() => () => asked.cancel(), [asked]);
  const answer = asked.answer.value;
  if (answer.status === "ready" && answer.value !== undefined) return <QuantisedTable state={answer.value} />;
  const failure =
    answer.status === "failed"
      ? answer.error.message
      : answer.status === "ready"
        ? "The file holds no such state."
        : undefined;
  return (
    <p class="button-row">
      <Button disabled={answer.status === "waiting"} onClick={() => void asked.ask()}>
        {answer.status === "waiting"
          ? `Dequantising ${safeText(stateKey)}…`
          : `Dequantise ${safeText(stateKey)}`}
      </Button>
      {failure !== undefined && <span role="alert">{safeText(failure)}</span>}
    </p>
  );
}

function QuantisedTable({ state }: { readonly state: QuantisedState }) {
  const { key, values, blocks, blockSize, statistics, first } = state;
  const { min, max, mean, std, absMax, l2, zeros, nan, inf } = statistics;
  const facts: readonly (readonly [name: string, text: string])[] = [
    ["Values", `${formatCount(values)} in ${plural(blocks, "block")} of ${formatCount(blockSize)}`],
    ["Min, max", `${formatNumber(min)}, ${formatNumber(max)}`],
    ["Mean, std", `${formatNumber(mean)}, ${formatNumber(std)}`],
    ["Largest magnitude", formatNumber(absMax)],
    ["L2 norm", formatNumber(l2)],
    ["Zeros", formatCount(zeros)],
    ...(nan + inf > 0 ? [["NaN, infinite", `${formatCount(nan)}, ${formatCount(inf)}`] as const] : []),
  ];
  return (
    <table class="key-value-table plain" aria-label={`Dequantised ${key}`}>
      <caption>{`${safeText(key)}, dequantised`}</caption>
      <tbody>
        {facts.map(([name, text]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="mono">{text}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">First values</th>
          <td class="mono first-values">
            {first.map((value, at) => (
              <span key={at}>{formatNumber(value)}</span>
            ))}
          </td>
        </tr>
      </tbody>
    </table>
  );
}
