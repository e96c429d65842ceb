import picomatch from "picomatch";
import { SeenFiles } from "../core/bytes/seenFiles";
import { discoverRuns } from "../core/runs/discover/discover";
import { KnownSettings } from "../core/runs/discover/knownSettings";
import { LogDigests } from "../core/runs/discover/logDigests";
import { ChartedRun } from "../core/runs/merge/chartedRun";
import { lineTableText } from "../core/runs/merge/lineTable";
import type { LogStore } from "../core/runs/merge/logStore";
import { recogniseLogFile } from "../core/runs/merge/recogniseLogFile";
import { findRepeated } from "../core/runs/status/repeatedFiles";
import { RunStatusReader } from "../core/runs/status/runStatusReader";
import type { Handlers } from "../protocol/channel";
import type { RunCalls } from "../protocol/runCalls";
import type { HandleMap } from "./handleMap";
import type { LineTables } from "./lineTables";
import { nodeFiles } from "./nodeFiles";
import { ProbeCache } from "./probeCache";
import type { OpeningsFirst } from "./process/openingsFirst";
import { stageLookup } from "./stageLookup";

/** Answers about training runs. */
export function runHandlers(
  runs: HandleMap<ChartedRun>,
  tables: LineTables,
  logs: LogStore,
  openings: OpeningsFirst,
): Handlers<RunCalls> {
  const digests = new LogDigests(logs);
  const settings = new KnownSettings();
  const files = openings.patient(nodeFiles);
  const probes = new ProbeCache(files);
  const statuses = new RunStatusReader(logs);
  const runOf = (handle: number) => runs.get(handle);
  const opened = (run: ChartedRun, signal: AbortSignal) => {
    // Nobody would close it.
    signal.throwIfAborted();
    return { handle: runs.add(run), head: run.head() };
  };
  return {
    discoverRuns: async ({ roots, exclude, maxDepth, maxFolders, userStages, metrics }, signal) => {
      const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
      const folders = roots.map(({ path }) => path);
      const seen = new SeenFiles(files);
      const found = await discoverRuns(seen, roots, {
        exclude: isExcluded,
        maxDepth,
        maxFolders,
        userStage: stageLookup(userStages),
        peek: (path, peekSignal) => probes.peek(path, peekSignal, seen),
        judge: (path, judgeSignal) => probes.judge(path, folders, judgeSignal, seen),
        digests,
        settings,
        metrics,
        signal,
      }).finally(() => seen.close());
      probes.forgetUnused();
      settings.forgetUnused();
      statuses.retain(new Set(found.runs.map(({ id }) => id)));
      return found;
    },
    runStatus: ({ run, metrics }, signal) => statuses.read(run, metrics, signal),
    findRepeated: ({ alike }, signal, { progress }) => findRepeated(nodeFiles, alike, progress, signal),
    followRun: async ({ run }, signal) => opened(await ChartedRun.follow(logs, run, { signal }), signal),
    followLog: async ({ path }, signal) => {
      const log = await recogniseLogFile(nodeFiles, path, signal);
      const source = { checkpoints: [], logFiles: [], logs: [log] };
      return opened(await ChartedRun.follow(logs, source, { signal }), signal);
    },
    pollRun: ({ handle, run }, signal) => runOf(handle).poll(run, signal),
    sampleRun: ({ handle, requests }) => runOf(handle).sample(requests),
    valuesAt: ({ handle, of }) => runOf(handle).valuesAt(of),
    tablePage: ({ table, first, length }) => tables.get(table, runOf).page(first, length),
    tableRow: ({ table, x }) => tables.get(table, runOf).find(x),
    tableText: ({ table, headers, format }) => lineTableText(tables.get(table, runOf), headers, format),
  };
}
