import type { Files } from "../../../bytes/files";
import { mapParallel } from "../../../bytes/mapParallel";
import { baseName, joinPath, parentPath } from "../../../bytes/paths";
import { readText } from "../../../bytes/readText";
import { maxConfigBytes } from "../../../problem/limits";
import { flatYaml } from "../config/flatYaml";
import type { LogCursor, LogFacts, LogFormat, LogRead, LogReadOptions, SummaryRow } from "../logFormat";
import { PointBatch } from "../pointBatch";
import { readStreamLog } from "../streamLog";
import { listBelow } from "./listBelow";
import { MetricFileParser } from "./metricFile";
import { type MlflowSettings, readSettings } from "./mlflowSettings";

/** Files read at once. */
const parallelFiles = 8;

const metaName = "meta.yaml";

/** RunStatus of the file store. */
const statuses: ReadonlyMap<string, string> = new Map([
  ["1", "running"],
  ["2", "scheduled"],
  ["3", "finished"],
  ["4", "failed"],
  ["5", "killed"],
]);

const unfinished: ReadonlySet<string> = new Set(["1", "2"]);

/** How far the file of one metric was read. */
interface MetricPlace {
  readonly cursor: LogCursor;
  readonly size: number;
  readonly modifiedMs: number;
  readonly waiting: number;
}

class MlflowCursor implements LogCursor {
  readonly offset: number;

  constructor(
    readonly metrics: ReadonlyMap<string, MetricPlace>,
    readonly settings: MlflowSettings,
  ) {
    this.offset = [...metrics.values()].reduce((sum, { cursor }) => sum + cursor.offset, 0);
  }
}

/** A run of MLflow's file store: a folder with `meta.yaml`, and a file for each metric, parameter and tag. */
export const mlflowFormat: LogFormat = {
  id: "mlflow",
  label: "MLflow run",
  matches: (name, head) => name === metaName && (head.length === 0 || saysRunId(head)),
  read: ({ files, path }, from, options) => {
    const folder = baseName(path) === metaName ? parentPath(path) : path;
    return readRun(files, folder, from instanceof MlflowCursor ? from : undefined, options);
  },
};

function saysRunId(head: Uint8Array): boolean {
  return /^run_(?:id|uuid):/m.test(new TextDecoder("utf-8").decode(head));
}

async function readRun(
  files: Files,
  folder: string,
  from: MlflowCursor | undefined,
  options: LogReadOptions,
): Promise<LogRead> {
  const { signal } = options;
  const names = await listBelow(files, joinPath(folder, "metrics"), signal);
  const gone = from !== undefined && [...from.metrics.keys()].some((name) => !names.includes(name));
  const points = new PointBatch();
  const metrics = new Map<string, MetricPlace>();
  let restarted = gone;
  if (!gone) {
    const reads = await mapParallel(names, parallelFiles, (name) =>
      readMetric(files, folder, name, from?.metrics.get(name), options),
    );
    for (const [index, { place, read }] of reads.entries()) {
      if (place !== undefined) metrics.set(names[index] ?? "", place);
      for (const [key, column] of read?.points.columns ?? []) points.column(key)?.append(column);
      restarted ||= read?.restarted === true;
    }
  }
  // One metric that was replaced means that all are read again: their points belong together.
  if (restarted) return { ...(await readRun(files, folder, undefined, options)), restarted };
  const meta = await readMeta(files, folder, signal);
  const settings = await readSettings(files, folder, from?.settings, signal);
  return {
    points,
    restarted,
    purges: [],
    config: settings.rows,
    ...describe(meta),
    problems: [],
    cursor: new MlflowCursor(metrics, settings),
    waiting: [...metrics.values()].reduce((sum, { waiting }) => sum + waiting, 0),
  };
}

async function readMetric(
  files: Files,
  folder: string,
  name: string,
  known: MetricPlace | undefined,
  options: LogReadOptions,
): Promise<{ readonly place: MetricPlace | undefined; readonly read?: LogRead }> {
  const path = joinPath(folder, "metrics", ...name.split("/"));
  const stat = await files.stat(path);
  if (stat === undefined) return { place: known };
  const { size, modifiedMs } = stat;
  const unchanged = known?.size === size && known.modifiedMs === modifiedMs;
  if (unchanged && !(options.atRest === true && known.waiting > 0)) return { place: known };
  const read = await readStreamLog({ files, path }, known?.cursor, options, () => new MetricFileParser(name));
  return { place: { cursor: read.cursor, size, modifiedMs, waiting: read.waiting }, read };
}

async function readMeta(
  files: Files,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const path = joinPath(folder, metaName);
  if ((await files.stat(path)) === undefined) return new Map();
  return new Map<string, string>(flatYaml(await readText(files, path, maxConfigBytes, signal)));
}

function describe(meta: ReadonlyMap<string, string>): { summary: SummaryRow[]; facts: LogFacts } {
  const status = meta.get("status");
  const summary: SummaryRow[] = status === undefined ? [] : [["status", statuses.get(status) ?? status]];
  const name = meta.get("run_name");
  const facts: LogFacts = {
    ended: status !== undefined && !unfinished.has(status),
    ...(name === undefined || name === "" ? {} : { name }),
  };
  return { summary, facts };
}

/** What a run of MLflow is called and whether it runs, from its small `meta.yaml` alone. */
export async function readMlflowFacts(files: Files, folder: string, signal?: AbortSignal): Promise<LogFacts> {
  return describe(await readMeta(files, folder, signal)).facts;
}
