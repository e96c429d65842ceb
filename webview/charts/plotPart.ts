import { lazyPart } from "../ui/lazyPart";

/** What draws charts. It brings chart.js, the largest package of a page, and so comes when there is a chart. */
export const plotCanvas = lazyPart(async () => (await import("./plot/plotCanvas")).PlotCanvas);
