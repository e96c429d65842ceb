import { type LineTable, lineTableText, seriesTableOf } from "../../../../src/core/runs/merge/lineTable";
import type { Handlers } from "../../../../src/protocol/channel";
import type { ChartHostCalls } from "../../../../src/protocol/chartCalls";
import type { ChartedSample } from "./chartedSample";

declare global {
  interface Window {
    /** What was put on the clipboard as a table. */
    __copiedTables: string[];
    /** Milliseconds that went into sampling, which VS Code's page does not do itself. */
    __samplingMs: number;
  }
}

/** The extension's answers to what charts ask, of runs that are in the page's own memory. */
export function chartHandlers(runOf: (run: string) => ChartedSample): Handlers<ChartHostCalls> {
  window.__copiedTables = [];
  window.__samplingMs = 0;
  const table = (of: LineTable<string>) => seriesTableOf(of, runOf);
  return {
    sample: ({ requests }) => {
      const startMs = performance.now();
      const sampled = requests.map(({ run, ...request }) => runOf(run).lines.sample(request));
      window.__samplingMs += performance.now() - startMs;
      return sampled;
    },
    rows: ({ table: of, first, length }) => table(of).page(first, length),
    findRow: ({ table: of, x }) => table(of).find(x),
    copyTable: ({ table: of, headers, format }) => {
      window.__copiedTables.push(lineTableText(table(of), headers, format).text);
    },
    savePng: () => {},
    rememberChoices: () => {},
  };
}
