import picomatch from "picomatch";
import { MemoryByteSource } from "../core/bytes/byteSource";
import type { Files } from "../core/bytes/files";
import { CheckpointSession } from "../core/checkpoint/checkpointSession";
import { peekWeights } from "../core/formats/safetensors/peekWeights";
import { Comparison } from "../core/lora/comparison";
import type { DigestCache } from "../core/runs/checkpointFacts";
import { discoverRuns } from "../core/runs/discover";
import { mergedRunLog } from "../core/runs/mergedRunLog";
import type { Handlers, ParamsOf } from "../protocol/channel";
import type { CheckpointLocation, UserStages, WorkerCalls, WorkerHostCalls } from "../protocol/workerApi";
import { nodeFiles } from "./nodeFiles";

/** Answers the extension's requests: opens, reads and computes, beside the files. */
export class WorkerService {
  private readonly sessions = new Map<number, CheckpointSession>();
  private readonly comparisons = new Map<number, Comparison>();
  /** What the logs said at the last search, so that a refresh reads only those that changed. */
  private readonly logDigests: DigestCache = new Map();
  private nextHandle = 1;

  constructor(private readonly reportProgress: (progress: ParamsOf<WorkerHostCalls, "progress">) => void) {}

  handlers(): Handlers<WorkerCalls> {
    return {
      open: async ({ location, userStages }, signal) => {
        const { path } = location;
        const session = await CheckpointSession.open(
          filesFor(location),
          path,
          stageLookup(userStages),
          signal,
        );
        const handle = this.nextHandle++;
        this.sessions.set(handle, session);
        return { handle, summary: session.summary() };
      },
      tensorChunk: ({ handle, first }) => this.session(handle).tensorChunk(first),
      training: ({ handle }, signal) => this.session(handle).training(signal),
      lora: ({ handle }, signal) => this.session(handle).lora(signal),
      contentPage: ({ handle, path, from }) => this.session(handle).contentPage(path, from),
      optimizers: ({ handle }) => this.session(handle).optimizers(),
      optimizerPage: ({ handle, optimizer, first }, signal) =>
        this.session(handle).optimizerPage(optimizer, first, signal),
      compare: async ({ paths, userStages, progressToken }, signal) => {
        const report = (done: number, total: number, label: string) =>
          this.reportProgress({ token: progressToken, done, total, label });
        const comparison = await Comparison.compute(nodeFiles, paths, stageLookup(userStages), {
          report,
          signal,
        });
        const handle = this.nextHandle++;
        this.comparisons.set(handle, comparison);
        return { handle, view: comparison.view };
      },
      compareModule: ({ handle, module }) => {
        const comparison = this.comparisons.get(handle);
        if (comparison === undefined) throw new Error("The comparison is no longer open.");
        return comparison.moduleDetail(module);
      },
      close: ({ handle }) => {
        this.sessions.delete(handle);
        this.comparisons.delete(handle);
      },
      discoverRuns: ({ roots, exclude, maxDepth, maxFolders, userStages }, signal) => {
        const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
        const userStage = stageLookup(userStages);
        return discoverRuns(nodeFiles, roots, {
          exclude: isExcluded,
          maxDepth,
          maxFolders,
          userStage,
          peek: (path, peekSignal) => peekWeights(nodeFiles, path, peekSignal),
          cache: this.logDigests,
          signal,
        });
      },
      runTraining: ({ run }, signal) => mergedRunLog(nodeFiles, run, signal),
    };
  }

  private session(handle: number): CheckpointSession {
    const session = this.sessions.get(handle);
    if (session === undefined) throw new Error("The checkpoint is no longer open. Reload the editor.");
    return session;
  }
}

function stageLookup(userStages: UserStages): (path: string) => string | undefined {
  const stages = new Map(userStages);
  return (path) => stages.get(path);
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
