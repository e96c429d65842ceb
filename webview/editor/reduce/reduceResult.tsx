import { formatBytes, formatNumber, formatShare, plural } from "../../../src/core/text/quantities";
import type { MadeSnapshot } from "../../../src/protocol/makeCalls";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { ReduceModel } from "./reduceModel";

export interface ReduceResultProps {
  readonly reduce: ReduceModel;
  readonly made: MadeSnapshot;
}

/** What was written, in numbers, and what can be done with it. */
export function ReduceResult({ reduce, made }: ReduceResultProps) {
  const { path, rank, moduleCount, energyKept, error, bytes, worstDeviation, problems } = made;
  return (
    <div class="state reduce-result" role="status">
      <p class="state-title">
        <Icon name="check" class="good" label="Done" /> The new snapshot is written and was read back.
      </p>
      <p class="mono wrap">{safeText(path)}</p>
      <dl class="facts">
        <Fact name="Rank" value={`${rank} in ${plural(moduleCount, "module")}`} />
        <Fact name="Energy kept" value={formatShare(energyKept)} />
        <Fact name="Error" value={`${formatShare(error)} of ‖ΔW‖`} />
        <Fact name="Size" value={formatBytes(bytes)} />
        <Fact name="‖ΔW‖ read back, off by" value={formatNumber(worstDeviation, 2)} />
      </dl>
      {problems.length > 0 && (
        <ul class="problems">
          {problems.map(({ code, severity, message }) => (
            <li key={code} class="problem">
              <Icon name={severity} class={severity} label={severity === "info" ? "Note" : "Warning"} />
              <p class="problem-message">{safeText(message)}</p>
            </li>
          ))}
        </ul>
      )}
      <div class="button-row">
        <Button look="primary" onClick={() => reduce.compare(path)}>
          Compare with the original
        </Button>
        <Button onClick={() => reduce.open(path)}>Open it</Button>
        <Button onClick={() => reduce.writing.invalidate()}>Reduce again</Button>
      </div>
    </div>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class="fact-value">{safeText(value)}</dd>
    </div>
  );
}
