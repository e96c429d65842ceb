import { statfs } from "node:fs/promises";
import * as vscode from "vscode";
import { baseName, parentPath } from "../../core/bytes/paths";
import { messageOf } from "../../core/problem/messageOf";
import type { ModelJob } from "../../core/report/jobs/modelJob";
import { type Channel, isAbortError, type ParamsOf } from "../../protocol/channel";
import type { MakeHostCalls, MakePageCalls, MakeState } from "../../protocol/makeSurface";
import { makeParams } from "../../protocol/params/makeParams";
import type { WorkerClient } from "../analysis/workerClient";
import { openPath } from "../editor/openPath";
import type { StageStore } from "../files/stageStore";
import type { Log } from "../log";
import { showInformation } from "../messages";
import type { RunsModel } from "../runs/runsModel";
import { connectPage } from "../webviewPage";
import type { BaseModels } from "./baseModels";
import { chooseFolder } from "./chooseFolder";
import { pickCheckpoint } from "./pickCheckpoint";
import type { ReportDocuments } from "./reportDocuments";
import { isTaken, type SnapshotMaker } from "./snapshotMaker";

export const makeViewType = "checkpointExplorer.make";

/** What the panel needs of the rest of the extension. */
export interface MakeServices {
  readonly extensionUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly maker: SnapshotMaker;
  readonly baseModels: BaseModels;
  readonly runs: RunsModel;
  readonly stages: StageStore;
  readonly log: Log;
  readonly reports: ReportDocuments;
  compare(paths: readonly string[]): Promise<void>;
  /** Selects a snapshot in Training Runs; nothing where it is not there. */
  reveal(path: string): Promise<void>;
}

const titles: Readonly<Record<ModelJob["kind"], string>> = {
  merge: "Merge into Base",
  convert: "Save as Safetensors",
  average: "Average Checkpoints",
  combine: "Combine Adapters",
  dialect: "Convert Adapter",
  intruders: "Reduce Intruders",
};

export function titleOf({ kind }: ModelJob): string {
  return titles[kind];
}

/** Plans a new model with the user, and writes it. What is being written goes on while the page is hidden. */
export class MakePanel {
  private readonly channel: Channel<MakeHostCalls, MakePageCalls>;
  private state: MakeState;
  private making: AbortController | undefined;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    job: ModelJob,
    private readonly services: MakeServices,
  ) {
    this.state = { status: "choosing", job };
    panel.iconPath = vscode.Uri.joinPath(services.extensionUri, "media", "compare.svg");
    const { worker, stages } = services;
    this.channel = connectPage<MakeHostCalls, MakePageCalls>(
      panel.webview,
      services.extensionUri,
      "make",
      makeParams,
      {
        ready: () => this.state,
        plan: ({ job: wanted }, signal) =>
          worker.call("planModel", { job: wanted, userStages: stages.entries() }, signal),
        place: async ({ path }) => ({ taken: await isTaken(path), freeBytes: await freeBytes(path) }),
        chooseFolder: ({ folder }) => chooseFolder(folder),
        chooseSource: (asked) => this.chooseSource(asked),
        make: (wanted) => this.make(wanted),
        cancel: () => this.making?.abort(),
        again: () => this.setState({ status: "choosing", job: this.state.job }),
        open: ({ path }) => openPath(path),
        compare: ({ paths }) => services.compare(paths),
        showReport: ({ name, text }) => services.reports.show(name, text),
        reveal: ({ path }) => services.reveal(path),
      },
      { job },
    );
    panel.onDidDispose(() => {
      this.making?.abort();
      this.channel.close(new Error("The panel was closed."));
    });
  }

  private async chooseSource({
    role,
    job,
  }: ParamsOf<MakeHostCalls, "chooseSource">): Promise<string | undefined> {
    const adapter = job.kind === "merge" ? job.adapters[0]?.path : baseless(job);
    if (role === "base" && adapter !== undefined) return this.services.baseModels.choose(adapter);
    return pickCheckpoint(this.services.runs, {
      title: role === "adapter" ? "Add which adapter?" : "Average one more checkpoint",
      placeHolder: role === "adapter" ? "An adapter of the same base" : "A checkpoint of the same model",
      exclude: job.kind === "average" ? job.snapshots.map(({ path }) => path) : pathsOf(job),
      use: role === "adapter" ? "adapter" : "reading",
    });
  }

  private async make({ job, out, maxShardBytes }: ParamsOf<MakeHostCalls, "make">): Promise<void> {
    if (this.making !== undefined) return;
    const making = new AbortController();
    this.making = making;
    try {
      const result = await this.services.maker.makeModel(
        { job, out, maxShardBytes },
        {
          signal: making.signal,
          onStart: () => this.setState({ status: "making", job, out }),
          listeners: { onProgress: (step) => this.channel.notify("progress", step) },
        },
      );
      if (result === undefined) return;
      this.setState({ status: "made", job, result });
      await this.services.reveal(result.path);
      if (!this.panel.visible) void this.tellElsewhere(result.path);
    } catch (error) {
      const stopped = isAbortError(error) || making.signal.aborted;
      const message = messageOf(error);
      if (!stopped) this.services.log.error(`${titleOf(job)}: ${message}`);
      const failure = stopped ? "It was stopped. Nothing was written." : message;
      this.setState({ status: "choosing", job, failure });
    } finally {
      this.making = undefined;
    }
  }

  private setState(state: MakeState): void {
    this.state = state;
    this.channel.notify("changed", state);
  }

  private async tellElsewhere(path: string): Promise<void> {
    const [show, open] = ["Show Figures", "Open"];
    const answer = await showInformation(`${baseName(path)} is written and was read back.`, show, open);
    if (answer === show) this.panel.reveal();
    if (answer === open) await openPath(path);
  }
}

function baseless(job: ModelJob): string | undefined {
  return job.kind === "intruders" ? job.adapter : undefined;
}

function pathsOf(job: ModelJob): readonly string[] {
  if (job.kind === "combine") return job.adapters.map(({ path }) => path);
  return job.kind === "merge" ? [job.base, ...job.adapters.map(({ path }) => path)] : [];
}

/** Of the disk of the nearest folder that is there. */
async function freeBytes(path: string): Promise<number | undefined> {
  for (let folder = parentPath(path); ; folder = parentPath(folder)) {
    const stats = await statfs(folder).catch(() => undefined);
    if (stats !== undefined) return stats.bavail * stats.bsize;
    if (parentPath(folder) === folder) return undefined;
  }
}
