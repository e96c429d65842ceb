import type { Ramp } from "./colorRamp";
import { scaleTicks, type ValueScale } from "./valueScale";

export interface HeatLegendProps {
  readonly label: string;
  readonly scale: ValueScale | undefined;
  readonly ramp: Ramp;
  readonly format: (value: number) => string;
  readonly hasAbsent?: boolean;
  readonly hasBroken?: boolean;
}

/** Which colour is which number, and what the marks without a colour mean. */
export function HeatLegend({ label, scale, ramp, format, hasAbsent, hasBroken }: HeatLegendProps) {
  const colors = ramp.filter((_, step) => step % 15 === 0).join(", ");
  return (
    <div class="heat-scale-legend">
      <span class="heat-scale-legend-label">{label}</span>
      {scale === undefined ? (
        <span class="dim">no values</span>
      ) : (
        <span class="heat-scale">
          <span class="heat-scale-bar" style={{ backgroundImage: `linear-gradient(to right, ${colors})` }} />
          <span class="heat-ticks">
            {scaleTicks(scale, 3).map(({ value, share }) => (
              <span key={share} class="heat-tick number" style={{ left: `${100 * share}%` }}>
                {format(value)}
              </span>
            ))}
          </span>
        </span>
      )}
      {scale?.logarithmic === true && <span class="dim">logarithmic</span>}
      {hasAbsent === true && (
        <span class="heat-key">
          <span class="heat-key-absent" /> not adapted
        </span>
      )}
      {hasBroken === true && (
        <span class="heat-key">
          <span aria-hidden="true">✕</span> not computable
        </span>
      )}
    </div>
  );
}
