import type { CellScale } from "./cellScale";
import { scaleTicks } from "./valueScale";

export interface CellLegendProps {
  readonly label?: string;
  readonly look: CellScale;
  readonly format: (value: number) => string;
  readonly hasAbsent?: boolean;
  readonly hasBroken?: boolean;
  /** What a place is called that is not in this snapshot. */
  readonly absentWord?: string;
  /** What a place that could not be computed is called. */
  readonly brokenWord?: string;
  /** Something to know about the scale. */
  readonly note?: string | undefined;
}

/** Which colour is which number, and what the marks without a colour mean. */
export function CellLegend(props: CellLegendProps) {
  const { label = "", look, format, hasAbsent, hasBroken, note } = props;
  const { scale, ramp, broken } = look;
  const colors = ramp.filter((_, step) => step % 15 === 0).join(", ");
  return (
    <div class="cell-legend">
      <span class="cell-legend-label">{label}</span>
      {scale === undefined ? (
        <span class="dim">no values</span>
      ) : (
        <span class="cell-scale">
          <span class="cell-scale-bar" style={{ backgroundImage: `linear-gradient(to right, ${colors})` }} />
          <span class="cell-ticks">
            {scaleTicks(scale, 3).map(({ value, share }) => (
              <span key={share} class="cell-tick number" style={{ left: `${100 * share}%` }}>
                {format(value)}
              </span>
            ))}
          </span>
        </span>
      )}
      {scale?.logarithmic === true && <span class="dim">logarithmic</span>}
      {note !== undefined && <span class="dim number">{note}</span>}
      {hasAbsent === true && (
        <span class="cell-key">
          <span class="cell-key-absent" /> {props.absentWord ?? "not adapted"}
        </span>
      )}
      {hasBroken === true && (
        <span class="cell-key">
          {broken === undefined ? (
            <span aria-hidden="true">✕</span>
          ) : (
            <span class="cell-key-broken" style={{ background: broken }} />
          )}{" "}
          {props.brokenWord ?? "not computable"}
        </span>
      )}
    </div>
  );
}
