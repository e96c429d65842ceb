import type { ChartTheme } from "../../charts/chartTheme";

export type Rgb = readonly [red: number, green: number, blue: number];

/** How a value of a picture is coloured. */
export interface HeatScale {
  /** From -1 to 1 for values with a sign, from 0 to 1 for magnitudes. */
  readonly at: (share: number) => Rgb;
  readonly notFinite: Rgb;
}

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

/**
 * Zero is the page itself, and what is far from it stands out from it, in every theme: blue below, orange above.
 * These two are told apart by people who confuse red and green.
 */
export function heatScale(theme: ChartTheme, parse: (color: string) => Rgb): HeatScale {
  const zero = parse(theme.background);
  const text = parse(theme.foreground);
  const isDark = luminance(zero) < luminance(text);
  const below: Rgb = isDark ? [92, 168, 255] : [12, 74, 160];
  const above: Rgb = isDark ? [255, 168, 64] : [176, 80, 0];
  return {
    at: (share) => mix(zero, share < 0 ? below : above, Math.min(1, Math.abs(share)) ** 0.75),
    notFinite: isDark ? [255, 70, 130] : [200, 0, 80],
  };
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Lets the browser read whatever syntax the theme uses. */
export function parseCssColor(color: string): Rgb {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (context === null) return [128, 128, 128];
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
