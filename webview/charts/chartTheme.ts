import { type ReadonlySignal, signal } from "@preact/signals";

/** What a chart needs of the colour theme; a canvas can't use CSS variables, so they are read and kept here. */
export interface ChartTheme {
  readonly highContrast: boolean;
  /** Light marks on a dark ground. */
  readonly isDark: boolean;
  readonly background: string;
  readonly foreground: string;
  readonly muted: string;
  readonly grid: string;
  readonly axis: string;
  readonly focus: string;
  readonly fontFamily: string;
  /** Eight colours that can be told apart from the background and, with dash and shape, from each other. */
  readonly series: readonly string[];
}

export type PointShape = "circle" | "triangle" | "rect" | "rectRot" | "cross" | "star" | "crossRot" | "dash";

/** How a series looks. Colour is never the only difference: dash and shape differ as well. */
export interface SeriesStyle {
  readonly color: string;
  readonly dash: readonly number[];
  readonly shape: PointShape;
}

const seriesStyleCount = 8;

// Neighbours in this list differ in hue and in lightness: two or three series are the usual case.
const colorVariables: readonly (readonly [variable: string, fallback: string])[] = [
  ["--vscode-charts-blue", "#3794ff"],
  ["--vscode-charts-orange", "#d18616"],
  ["--vscode-charts-green", "#89d185"],
  ["--vscode-charts-purple", "#b180d7"],
  ["--vscode-charts-red", "#f14c4c"],
  ["--vscode-terminal-ansiCyan", "#11a8cd"],
  ["--vscode-charts-yellow", "#cca700"],
  ["--vscode-charts-foreground", "#cccccc"],
];
const dashes: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [12, 4],
  [4, 2, 1, 2],
  [1, 3],
  [5, 5],
];
const shapes: readonly PointShape[] = [
  "circle",
  "triangle",
  "rect",
  "rectRot",
  "cross",
  "star",
  "crossRot",
  "dash",
];

/** Graphics need a contrast of 3:1 (WCAG 1.4.11). Some themes' chart colours are paler on their own editor. */
const minimumContrast = 3;

const dashStep = 3;

export function seriesStyle(theme: ChartTheme, index: number): SeriesStyle {
  const slot = index % seriesStyleCount;
  // The same colour again has another dash and another shape.
  const turn = slot + dashStep * Math.floor(index / seriesStyleCount);
  return {
    color: theme.series[slot] ?? theme.foreground,
    dash: dashes[turn % dashes.length] ?? [],
    shape: shapes[turn % shapes.length] ?? "circle",
  };
}

let shared: ReadonlySignal<ChartTheme> | undefined;

/** The current theme; it changes when VS Code swaps the variables on `<html>` or the class on `<body>`. */
export function chartTheme(): ReadonlySignal<ChartTheme> {
  if (shared !== undefined) return shared;
  const theme = signal(readTheme());
  const observer = new MutationObserver(() => {
    theme.value = readTheme();
  });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
  observer.observe(document.body, { attributes: true, attributeFilter: ["style", "class"] });
  shared = theme;
  return theme;
}

function readTheme(): ChartTheme {
  const style = getComputedStyle(document.body);
  const read = (variable: string, fallback: string) => style.getPropertyValue(variable).trim() || fallback;
  const highContrast =
    document.body.classList.contains("vscode-high-contrast") ||
    document.body.classList.contains("vscode-high-contrast-light");
  const background = read("--vscode-editor-background", "#1f1f1f");
  const foreground = read("--vscode-editor-foreground", read("--vscode-foreground", "#cccccc"));
  const border = read("--vscode-contrastBorder", read("--vscode-panel-border", "#80808059"));
  return {
    highContrast,
    isDark: luminance(parseColor(background)) < 0.2,
    background,
    foreground,
    muted: highContrast ? foreground : read("--vscode-descriptionForeground", foreground),
    grid: withAlpha(foreground, highContrast ? 0.3 : 0.1),
    axis: highContrast ? border : withAlpha(foreground, 0.3),
    focus: read("--vscode-focusBorder", foreground),
    fontFamily: read("--vscode-font-family", style.fontFamily || "sans-serif"),
    series: colorVariables.map(([variable, fallback]) =>
      withContrast(read(variable, fallback), background, foreground),
    ),
  };
}

/** Moves a colour towards the text colour, which is readable by design, until it stands out enough. */
function withContrast(color: string, background: string, foreground: string): string {
  const behind = parseColor(background);
  const text = parseColor(foreground);
  let rgb = parseColor(color);
  for (let attempt = 0; attempt < 10 && contrast(rgb, behind) < minimumContrast; attempt++)
    rgb = mix(rgb, text, 0.2);
  return toCss(rgb, 1);
}

export function withAlpha(color: string, alpha: number): string {
  return toCss(parseColor(color), alpha);
}

type Rgb = readonly [red: number, green: number, blue: number];

let context: CanvasRenderingContext2D | null | undefined;

/** Lets the browser read whatever colour syntax the theme uses. */
function parseColor(color: string): Rgb {
  context ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!context) return [128, 128, 128];
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

function toCss([red, green, blue]: Rgb, alpha: number): string {
  return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${alpha})`;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const blend = (x: number, y: number) => x + (y - x) * share;
  return [blend(a[0], b[0]), blend(a[1], b[1]), blend(a[2], b[2])];
}

function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
