import { lstat } from "node:fs/promises";
import { basename } from "node:path";
import type { JobResult } from "../../core/report/jobs/modelJob";
import type { CallListeners, ParamsOf } from "../../protocol/channel";
import type { MadeSnapshot, MakeCalls } from "../../protocol/makeCalls";
import { WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import type { Log } from "../log";
import { confirm } from "../messages";
import type { RunsModel } from "../runs/runsModel";
import { analysisThreads } from "../settings";

/** What the caller chooses; the rest is the maker's affair. */
export type MakeRequest<K extends keyof MakeCalls> = Omit<
  ParamsOf<MakeCalls, K>,
  "replace" | "userStages" | "threads"
>;

export interface MakeProgress {
  readonly listeners: CallListeners;
  readonly signal: AbortSignal;
}

/** Makes new snapshots, in a thread of their own: an extraction takes minutes in which others want to look at files. */
export class SnapshotMaker {
  private readonly worker: WorkerClient;

  constructor(
    extensionPath: string,
    log: Log,
    private readonly stages: StageStore,
    private readonly runs: RunsModel,
  ) {
    this.worker = new WorkerClient(extensionPath, log);
  }

  dispose(): void {
    this.worker.dispose();
  }

  /** Undefined where the user decided against replacing what is there. */
  reduce(
    wanted: MakeRequest<"reduce">,
    { signal, listeners }: MakeProgress,
  ): Promise<MadeSnapshot | undefined> {
    const userStages = this.stages.entries();
    return this.make(wanted.out, (replace) =>
      this.worker.call(
        "reduce",
        { ...wanted, userStages, replace, threads: analysisThreads() },
        signal,
        listeners,
      ),
    );
  }

  /** Undefined where the user decided against replacing what is there. */
  extract(
    wanted: MakeRequest<"extract">,
    { signal, listeners }: MakeProgress,
  ): Promise<MadeSnapshot | undefined> {
    return this.make(wanted.out, (replace) =>
      this.worker.call("extract", { ...wanted, replace, threads: analysisThreads() }, signal, listeners),
    );
  }

  /** Undefined where the user decided against replacing what is there. */
  makeModel(
    wanted: MakeRequest<"makeModel">,
    { signal, listeners, onStart }: MakeProgress & { readonly onStart: () => void },
  ): Promise<JobResult | undefined> {
    const userStages = this.stages.entries();
    return this.make(wanted.out, (replace) => {
      onStart();
      const params = { ...wanted, userStages, replace, threads: analysisThreads() };
      return this.worker.call("makeModel", params, signal, listeners);
    });
  }

  private async make<T>(out: string, work: (replace: boolean) => Promise<T>): Promise<T | undefined> {
    const replace = await isTaken(out);
    if (replace && !(await askToReplace(out))) return undefined;
    const made = await work(replace);
    await this.runs.refresh();
    return made;
  }
}

/** Something has this name already, be it a broken link. */
export async function isTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function askToReplace(path: string): Promise<boolean> {
  const question = `${basename(path)} is there already. Replace it?`;
  return confirm(question, `${path}\n\nIt is removed when the new snapshot is complete.`, "Replace");
}
