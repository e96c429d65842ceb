import { lstat } from "node:fs/promises";
import { basename } from "node:path";
import * as vscode from "vscode";
import type { ParamsOf } from "../../protocol/channel";
import type { MadeSnapshot, MakeCalls } from "../../protocol/makeCalls";
import { type ProgressListener, WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import type { Log } from "../log";
import type { RunsModel } from "../runs/runsModel";

/** What the caller chooses; the rest is the maker's affair. */
export type Wanted<K extends keyof MakeCalls> = Omit<
  ParamsOf<MakeCalls, K>,
  "replace" | "userStages" | "progressToken"
>;

export interface MakeProgress {
  readonly onProgress: ProgressListener;
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
  reduce(wanted: Wanted<"reduce">, progress: MakeProgress): Promise<MadeSnapshot | undefined> {
    const userStages = this.stages.entries();
    return this.make(wanted.out, progress, (replace, progressToken) =>
      this.worker.call("reduce", { ...wanted, userStages, replace, progressToken }, progress.signal),
    );
  }

  /** Undefined where the user decided against replacing what is there. */
  extract(wanted: Wanted<"extract">, progress: MakeProgress): Promise<MadeSnapshot | undefined> {
    return this.make(wanted.out, progress, (replace, progressToken) =>
      this.worker.call("extract", { ...wanted, replace, progressToken }, progress.signal),
    );
  }

  private async make(
    out: string,
    { onProgress }: MakeProgress,
    work: (replace: boolean, progressToken: number) => Promise<MadeSnapshot>,
  ): Promise<MadeSnapshot | undefined> {
    const replace = await isTaken(out);
    if (replace && !(await askToReplace(out))) return undefined;
    const progress = this.worker.listenToProgress(onProgress);
    try {
      const made = await work(replace, progress.token);
      await this.runs.refresh();
      return made;
    } finally {
      progress.dispose();
    }
  }
}

/** Something has this name already, be it a broken link. */
export async function isTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function askToReplace(path: string): Promise<boolean> {
  const replace = "Replace";
  const answer = await vscode.window.showWarningMessage(
    `${basename(path)} is there already. Replace it?`,
    { modal: true, detail: `${path}\n\nIt is removed when the new snapshot is complete.` },
    replace,
  );
  return answer === replace;
}
