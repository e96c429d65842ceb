import type { CellScale } from "../../cells/cellScale";
import type { ValueScale } from "../../cells/valueScale";
import type { ChartTheme } from "../../charts/chartTheme";

type Rgb = readonly [red: number, green: number, blue: number];

/** The magnitude that has the strongest colour. */
export interface ColorLimit {
  readonly limit: number;
  /** Largest magnitude of all; beyond the limit it has the colour of the limit. */
  readonly largest: number;
}

/** Cells that may lie beyond the limit, as a share. */
const extremeShare = 0.005;
/** Extremes less far out than by this factor leave enough colours for the others. */
const farFactor = 3;

/**
 * A few weights of language models are a hundred times as large as all others: with colours up to those, nothing else
 * would show. NaN does not count.
 */
export function colorLimit(cells: ArrayLike<number>): ColorLimit {
  const sizes = Float64Array.from(cells, (value) => Math.abs(value) || 0).sort();
  const largest = sizes.at(-1) ?? 0;
  const usual = sizes[Math.ceil((1 - extremeShare) * sizes.length) - 1] ?? 0;
  return { largest, limit: usual > 0 && largest > farFactor * usual ? usual : largest };
}

/** An odd number, so that zero has a colour of its own. */
const steps = 257;

/**
 * Zero is the page itself, and what is far from it stands out from it, in every theme: blue below, orange above.
 * These two are told apart by people who confuse red and green.
 */
export function weightScale(theme: ChartTheme, limit: number, isSigned: boolean): CellScale {
  const zero = parseCssColor(theme.background);
  const below: Rgb = theme.isDark ? [92, 168, 255] : [12, 74, 160];
  const above: Rgb = theme.isDark ? [255, 168, 64] : [176, 80, 0];
  const ramp = Array.from({ length: steps }, (_, step) => {
    const share = isSigned ? (2 * step) / (steps - 1) - 1 : step / (steps - 1);
    return css(mix(zero, share < 0 ? below : above, Math.abs(share) ** 0.75));
  });
  const scale: ValueScale = isSigned
    ? { kind: "diverging", min: -limit, max: limit, logarithmic: false }
    : { kind: "sequential", min: 0, max: limit, logarithmic: false };
  return { scale, ramp, theme, broken: css(theme.isDark ? [255, 70, 130] : [200, 0, 80]) };
}

function css(color: Rgb): string {
  return `rgb(${color.map(Math.round).join(" ")})`;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

/** Lets the browser read whatever syntax the theme uses. */
function parseCssColor(color: string): Rgb {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (context === null) return [128, 128, 128];
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
