/** One colour after another for growing values, or two that part from a neutral middle. */
export type RampKind = "sequential" | "diverging";

/** Colours of a ramp from its low end to its high end, as CSS. */
export type Ramp = readonly string[];

/** Enough that no step is seen, few enough to keep as strings. */
const steps = 256;

/**
 * Lightness grows (on a dark ground) or falls (on a light one) all the way, so that the order is seen without any
 * sense of colour; hues part for those who have it. Both ends of the diverging ones are equally far from the ground.
 */
const anchors: Readonly<
  Record<RampKind, { readonly dark: readonly string[]; readonly light: readonly string[] }>
> = {
  sequential: {
    dark: ["#14283d", "#17507c", "#1f82a3", "#58b8a5", "#b3dd92", "#fbf7bb"],
    light: ["#f4f3cf", "#bfe0b4", "#6cc0b8", "#3090b5", "#205a96", "#12265c"],
  },
  diverging: {
    dark: ["#8cc8ff", "#3f83bd", "#25486b", "#26282c", "#6b4218", "#bd7a30", "#ffbf73"],
    light: ["#0f4478", "#4a8cc4", "#a9cde8", "#f2f2f0", "#efc48d", "#c97f2b", "#7d4400"],
  },
};

export function colorRamp(kind: RampKind, isDark: boolean): Ramp {
  const stops = anchors[kind][isDark ? "dark" : "light"].map(toOklab);
  return Array.from({ length: steps }, (_, step) => {
    const at = (step / (steps - 1)) * (stops.length - 1);
    const index = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [stops[index] as Lab, stops[index + 1] as Lab];
    return toCss(mix(from, to, at - index));
  });
}

/** @param share 0 to 1; what is outside has the colour of the end. */
export function rampColor(ramp: Ramp, share: number): string {
  const step = Math.round(Math.min(1, Math.max(0, share)) * (ramp.length - 1));
  return ramp[step] ?? "transparent";
}

type Lab = readonly [lightness: number, a: number, b: number];

/** Oklab (Ottosson 2020): equal steps look equal, and mixing does not pass through grey or a brighter hue. */
function toOklab(hex: string): Lab {
  const [r, g, b] = [1, 3, 5].map((at) => linear(Number.parseInt(hex.slice(at, at + 2), 16) / 255)) as [
    number,
    number,
    number,
  ];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function mix(from: Lab, to: Lab, share: number): Lab {
  const blend = (index: 0 | 1 | 2) => from[index] + (to[index] - from[index]) * share;
  return [blend(0), blend(1), blend(2)];
}

function toCss([lightness, a, b]: Lab): string {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channels = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `rgb(${channels.map((channel) => Math.round(255 * encoded(channel))).join(", ")})`;
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}

function encoded(channel: number): number {
  const value = Math.min(1, Math.max(0, channel));
  return value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
}
