import { findBaseModel } from "../core/base/baseModel";
import { baseProblems } from "../core/base/baseProblems";
import { compareWithBase } from "../core/base/compareWithBase";
import { intrudersOfModule } from "../core/base/intrudersOfModule";
import { MemoryByteSource } from "../core/bytes/byteSource";
import type { Files } from "../core/bytes/files";
import { mergeProblems } from "../core/problem/problem";
import { ChartedRun } from "../core/runs/merge/chartedRun";
import { LogStore } from "../core/runs/merge/logStore";
import { CheckpointSession } from "../core/session/checkpointSession";
import { optimizerViews, readOptimizerPage, readQuantisedState } from "../core/session/optimizerQuestions";
import { partSettings } from "../core/session/partSettings";
import { sampledFindings } from "../core/session/sampledValues";
import { outputFormatFor } from "../core/transform/outputNames";
import { reductionProblem } from "../core/transform/reductionRefusal";
import type { Handlers } from "../protocol/channel";
import type { AdapterRef, CheckpointCalls, CheckpointLocation } from "../protocol/checkpointCalls";
import type { AnalysisPool } from "./analysisPool";
import type { HandleMap } from "./handleMap";
import { hubFolders } from "./hubFolders";
import { nodeFiles } from "./nodeFiles";
import type { OpeningsFirst } from "./process/openingsFirst";
import { stageLookup } from "./stageLookup";
import { streamLora } from "./updates/streamLora";

/** Answers about one open checkpoint. */
export function checkpointHandlers(
  sessions: HandleMap<CheckpointSession>,
  runs: HandleMap<ChartedRun>,
  logs: LogStore,
  analysis: AnalysisPool,
  openings: OpeningsFirst,
): Handlers<CheckpointCalls> {
  const adapterOf = (adapter: AdapterRef, signal: AbortSignal) =>
    "handle" in adapter ? sessions.get(adapter.handle) : openPlain(adapter.path, signal);
  return {
    open: async ({ location, userStages }, signal) => {
      const { path } = location;
      const files = filesFor(location);
      const session = await openings.opening(() =>
        CheckpointSession.open(files, path, stageLookup(userStages), signal),
      );
      return { handle: sessions.add(session), summary: session.summary() };
    },
    tensorChunk: ({ handle, first }) => sessions.get(handle).tensorChunk(first),
    training: async ({ handle }, signal) => {
      const source = await sessions.get(handle).trainingSource(signal);
      if (source === undefined) return undefined;
      const { files } = sessions.get(handle);
      const store = files === logs.files ? logs : new LogStore(files);
      const run = await ChartedRun.follow(store, source, { signal });
      // Nobody would close it.
      signal.throwIfAborted();
      return { handle: runs.add(run), head: run.head() };
    },
    lora: ({ handle, threads }, signal, tell) =>
      analysis.use(threads, (pool) => streamLora(sessions.get(handle), pool, tell, signal)),
    reductionStart: ({ handle }) => {
      const session = sessions.get(handle);
      const { adapter } = session;
      const format = adapter === undefined ? "peft" : outputFormatFor(adapter, session.adapterConfig);
      return { problem: reductionProblem(session), format, identity: session.identity };
    },
    baseModel: async ({ adapter, baseFacts: { roots } }, signal) =>
      findBaseModel(nodeFiles, await adapterOf(adapter, signal), { roots, hubFolders: hubFolders() }),
    baseFit: async ({ adapter, base }, signal) =>
      baseProblems(nodeFiles, await adapterOf(adapter, signal), { given: base }, signal),
    compareWithBase: async ({ adapter, base }, signal, tell) =>
      compareWithBase(await adapterOf(adapter, signal), await openPlain(base, signal), {
        report: tell.progress,
        signal,
      }),
    intruders: async ({ adapter, base, module }, signal) => {
      const pause = () => pauseFor(signal);
      const opened = await openPlain(base, signal);
      return intrudersOfModule(await adapterOf(adapter, signal), opened, module, { pause }, signal);
    },
    contentPage: async ({ handle, file, path, from }, signal) => {
      const session = sessions.get(handle);
      const holder = file === undefined ? session : await session.part(file, signal);
      return holder.contentPage(path, from);
    },
    partSettings: ({ handle }, signal) => partSettings(sessions.get(handle), signal),
    optimizers: async ({ handle }, signal) => {
      const session = sessions.get(handle);
      const holder = await session.optimizerHolder(signal);
      const views = optimizerViews(holder);
      return holder === session ? { views } : { views, file: holder.checkpoint.path };
    },
    optimizerPage: async ({ handle, optimizer, first }, signal) =>
      readOptimizerPage(await sessions.get(handle).optimizerHolder(signal), optimizer, first, signal),
    quantisedState: async ({ handle, ...request }, signal) =>
      readQuantisedState(await sessions.get(handle).optimizerHolder(signal), request, signal),
    resume: ({ handle }, signal) => sessions.get(handle).resume(signal),
    health: async ({ handle, baseFacts: { roots, chosen } }, signal) => {
      const session = sessions.get(handle);
      const found = await session.shownHealth(signal);
      const ofBase = await baseProblems(
        session.files,
        session,
        { given: chosen, roots, hubFolders: hubFolders(), isTold: true },
        signal,
      );
      return mergeProblems([...found, ...(await sampledFindings(session, signal))], ofBase);
    },
  };
}

/** For a question in which stages play no part. */
function openPlain(path: string, signal: AbortSignal): Promise<CheckpointSession> {
  return CheckpointSession.open(nodeFiles, path, () => undefined, signal);
}

/** Lets the thread answer others, among them the wish to stop. */
async function pauseFor(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resume) => setImmediate(resume));
  signal.throwIfAborted();
}

/** A file whose content was handed over stands alone: nothing beside it can be read. */
function filesFor(location: CheckpointLocation): Files {
  if (location.kind === "path") return nodeFiles;
  const { path, content } = location;
  return {
    list: async () => [],
    stat: async (asked) =>
      asked === path ? { kind: "file", size: content.byteLength, modifiedMs: 0 } : undefined,
    open: async () => new MemoryByteSource(content),
    realPath: async (asked) => asked,
  };
}
