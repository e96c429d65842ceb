import * as vscode from "vscode";
import type { Channel, ParamsOf } from "../../protocol/channel";
import type { EditorHostCalls, EditorPageCalls } from "../../protocol/editorSurface";
import { editorParams } from "../../protocol/params/editorParams";
import { forward } from "../analysis/forward";
import type { ScanMemory } from "../analysis/scanMemory";
import type { WorkerClient } from "../analysis/workerClient";
import { askStage } from "../files/askStage";
import type { StageStore } from "../files/stageStore";
import { chartAnswers } from "../runs/chartAnswers";
import type { ChartMemory } from "../runs/chartMemory";
import { connectLater } from "../webviewPage";
import { CheckpointDocument } from "./checkpointDocument";
import { loadEditorPage } from "./editorLoading";
import { editorValueHandlers } from "./editorValueHandlers";
import { exportHandlers } from "./exportHandlers";
import { type LoraServices, loraHandlers } from "./loraHandlers";
import {
  checkpointViewType,
  copyText,
  mainFilePath,
  openAsText,
  openPath,
  optionalViewType,
  viewTypeOf,
} from "./openPath";

type RequestedTab = ParamsOf<EditorPageCalls, "showTab">;
type EditorChannel = Channel<EditorHostCalls, EditorPageCalls>;

/** The read-only editor of checkpoint files. It writes nothing, so it has nothing to save. */
export class CheckpointEditorProvider implements vscode.CustomReadonlyEditorProvider<CheckpointDocument> {
  /** What was asked for before the page could be told. */
  private readonly requestedTabs = new Map<string, RequestedTab>();
  private readonly channels = new Map<string, Set<EditorChannel>>();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly worker: WorkerClient,
    private readonly stages: StageStore,
    private readonly scans: ScanMemory,
    private readonly memory: ChartMemory,
    private readonly lora: Omit<LoraServices, "worker">,
  ) {}

  /** Under both of its names. */
  register(): vscode.Disposable[] {
    const options = { supportsMultipleEditorsPerDocument: true };
    return [checkpointViewType, optionalViewType].map((viewType) =>
      vscode.window.registerCustomEditorProvider(viewType, this, options),
    );
  }

  openCustomDocument(uri: vscode.Uri): CheckpointDocument {
    const document = new CheckpointDocument(uri, this.worker, this.stages, this.scans);
    // The file is read while the page starts, which asks for it then and is told what failed.
    document.state().catch(() => undefined);
    return document;
  }

  resolveCustomEditor(document: CheckpointDocument, panel: vscode.WebviewPanel): void {
    const own = async () => ({ handle: await document.openHandle() });
    const channel: EditorChannel = connectLater<EditorHostCalls, EditorPageCalls>(
      panel.webview,
      this.extensionUri,
      editorParams,
      {
        ready: async () => {
          const state = await document.state();
          void this.showRequestedTab(document.uri, channel);
          return state;
        },
        tensorChunk: forward(this.worker, "tensorChunk", own),
        ...chartAnswers({
          worker: this.worker,
          memory: this.memory,
          handleOf: async () => {
            const run = await document.training();
            if (run === undefined) throw new Error("No training log is beside this checkpoint.");
            return run.handle;
          },
        }),
        training: async () => {
          const run = await document.training();
          return run && { head: run.head, choices: this.memory.get() };
        },
        ...loraHandlers(document, { ...this.lora, worker: this.worker }, () => panel.visible),
        contentPage: forward(this.worker, "contentPage", own),
        partSettings: forward(this.worker, "partSettings", own),
        optimizers: forward(this.worker, "optimizers", own),
        optimizerPage: forward(this.worker, "optimizerPage", own),
        ...exportHandlers(document, this.worker),
        ...editorValueHandlers(document, this.worker),
        quantisedState: forward(this.worker, "quantisedState", own),
        resume: forward(this.worker, "resume", own),
        health: forward(this.worker, "health", async () => ({
          ...(await own()),
          baseFacts: this.lora.baseModels.facts(await document.identity()),
        })),
        reload: () => document.reload(),
        open: ({ path }) => openPath(path),
        openAsText: ({ path }) => openAsText(path),
        copy: copyText,
        setStage: async () => {
          await askStage(this.stages, [await document.identity()]);
        },
        compare: async () => {
          await vscode.commands.executeCommand("checkpointExplorer.compareWith", document.uri);
        },
      },
    );
    loadEditorPage(panel, this.extensionUri, document);
    this.remember(document.uri, channel, panel);
    // A step of the walkthrough is done, however the checkpoint was opened.
    void vscode.commands.executeCommand("setContext", "checkpointExplorer.checkpointOpened", true);
    const changes = document.onDidChange((state) => channel.notify("changed", state));
    const scanned = document.scan.onDidChange((state) => channel.notify("scanChanged", state));
    panel.onDidDispose(() => {
      changes.dispose();
      scanned.dispose();
      channel.close(new Error("The editor was closed."));
    });
  }

  /** Opens an adapter at the form that lowers its rank. @param path of the file or of its folder */
  async reduceRank(path: string): Promise<void> {
    await this.openAt(vscode.Uri.file(await mainFilePath(path)), { tab: "lora", reduce: true });
  }

  /** Opens a checkpoint at a place in it, whether it is open already or not. */
  async openAt(uri: vscode.Uri, place: RequestedTab): Promise<void> {
    this.requestedTabs.set(uri.toString(), place);
    await vscode.commands.executeCommand("vscode.openWith", uri, viewTypeOf(uri));
    for (const channel of this.channels.get(uri.toString()) ?? []) void this.showRequestedTab(uri, channel);
  }

  /** Until a page has heard it: after that the user is elsewhere by choice. */
  private async showRequestedTab(uri: vscode.Uri, channel: EditorChannel): Promise<void> {
    const key = uri.toString();
    const place = this.requestedTabs.get(key);
    if (place === undefined) return;
    try {
      await channel.call("showTab", place);
      if (this.requestedTabs.get(key) === place) this.requestedTabs.delete(key);
    } catch {
      // The editor was closed.
    }
  }

  private remember(uri: vscode.Uri, channel: EditorChannel, panel: vscode.WebviewPanel): void {
    const key = uri.toString();
    const open = this.channels.get(key) ?? new Set();
    this.channels.set(key, open.add(channel));
    panel.onDidDispose(() => {
      open.delete(channel);
      if (open.size === 0) this.channels.delete(key);
    });
  }
}
