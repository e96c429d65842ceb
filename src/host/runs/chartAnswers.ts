import type { LineTable } from "../../core/runs/merge/lineTable";
import type { SampledSeries } from "../../core/runs/series/seriesSampler";
import { formatCount } from "../../core/text/quantities";
import type { Handlers } from "../../protocol/channel";
import type { ChartHostCalls } from "../../protocol/chartCalls";
import type { WorkerClient } from "../analysis/workerClient";
import { copyText } from "../editor/openPath";
import { savePicture } from "../files/savePicture";
import { showInformation } from "../messages";
import type { ChartMemory } from "./chartMemory";

export interface ChartAnswerServices {
  readonly worker: WorkerClient;
  readonly memory: ChartMemory;
  /** The worker's handle of a run of the page. @throws when it is not open. */
  handleOf(run: string): Promise<number>;
}

/** Answers what charts ask, for whichever page they are on. */
export function chartAnswers({ worker, memory, handleOf }: ChartAnswerServices): Handlers<ChartHostCalls> {
  const byHandle = async (table: LineTable<string>): Promise<LineTable<number>> => ({
    columns: await Promise.all(
      table.columns.map(async (column) => ({ ...column, run: await handleOf(column.run) })),
    ),
    ...(table.epochsOf === undefined ? {} : { epochsOf: await handleOf(table.epochsOf) }),
  });
  return {
    sample: async ({ requests }, signal) => {
      const answers: (SampledSeries | undefined)[] = requests.map(() => undefined);
      const runs = [...new Set(requests.map(({ run }) => run))];
      await Promise.all(
        runs.map(async (run) => {
          const places = requests.flatMap((request, place) => (request.run === run ? [place] : []));
          const own = places.flatMap((place) => requests[place] ?? []);
          const sampled = await worker.call(
            "sampleRun",
            { handle: await handleOf(run), requests: own },
            signal,
          );
          places.forEach((place, index) => {
            answers[place] = sampled[index];
          });
        }),
      );
      return answers;
    },
    rows: async ({ table, first, length }, signal) =>
      worker.call("tablePage", { table: await byHandle(table), first, length }, signal),
    findRow: async ({ table, x }, signal) =>
      worker.call("tableRow", { table: await byHandle(table), x }, signal),
    copyTable: async ({ table, headers, format }, signal) => {
      const made = await worker.call("tableText", { table: await byHandle(table), headers, format }, signal);
      const { text, rows, count } = made;
      const what =
        rows < count
          ? `the first ${formatCount(rows)} of ${formatCount(count)} rows`
          : `${formatCount(rows)} rows`;
      await copyText({ text, what: `${what} as ${format === "csv" ? "CSV" : "Markdown"}` });
      if (rows < count) void showInformation(`Copied ${what}: more is too much for a clipboard.`);
    },
    savePng: savePicture,
    rememberChoices: ({ choices }) => memory.set(choices),
  };
}
