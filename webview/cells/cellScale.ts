import { useMemo } from "preact/hooks";
import { type ChartTheme, chartTheme } from "../charts/chartTheme";
import type { CellMatrix } from "./cellMatrix";
import { colorRamp, type Ramp, type RampKind } from "./colorRamp";
import { type ValueScale, valueScale } from "./valueScale";

/** How values become colours. */
export interface CellScale {
  readonly scale: ValueScale | undefined;
  readonly ramp: Ramp;
  readonly theme: ChartTheme;
  /** The colour of what could not be computed, which is crossed out without. */
  readonly broken?: string;
}

/** One scale for all maps that are seen together. */
export function useCellScale(
  matrices: readonly (CellMatrix | undefined)[],
  kind: RampKind,
  logarithmic: boolean | undefined,
): CellScale {
  const theme = chartTheme().value;
  const scale = useMemo(
    () => valueScale(valuesOf(matrices), kind, logarithmic),
    [matrices, kind, logarithmic],
  );
  const ramp = useMemo(() => colorRamp(kind, theme.isDark), [kind, theme.isDark]);
  return useMemo(() => ({ scale, ramp, theme }), [scale, ramp, theme]);
}

function* valuesOf(matrices: readonly (CellMatrix | undefined)[]): Generator<number> {
  for (const matrix of matrices) {
    if (matrix === undefined) continue;
    for (let at = 0; at < matrix.values.length; at++) yield matrix.values[at] ?? Number.NaN;
  }
}
