import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import type { Channel } from "../../protocol/channel";
import type { EditorHostCalls, EditorPageCalls, EditorTab } from "../../protocol/editorSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { askStage } from "../files/askStage";
import type { StageStore } from "../files/stageStore";
import { connectPage } from "../webviewPage";
import { CheckpointDocument } from "./checkpointDocument";
import { numbersHandlers } from "./numbersHandlers";
import { copyText, openAsText, openPath, viewTypeOf } from "./openPath";

type EditorChannel = Channel<EditorHostCalls, EditorPageCalls>;

/** The read-only editor of checkpoint files. It writes nothing, so it has nothing to save. */
export class CheckpointEditorProvider implements vscode.CustomReadonlyEditorProvider<CheckpointDocument> {
  /** Tabs that were asked for before the page could be told. */
  private readonly requestedTabs = new Map<string, EditorTab>();
  private readonly channels = new Map<string, Set<EditorChannel>>();

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly worker: WorkerClient,
    private readonly stages: StageStore,
  ) {}

  openCustomDocument(uri: vscode.Uri): CheckpointDocument {
    return new CheckpointDocument(uri, this.worker, this.stages);
  }

  resolveCustomEditor(document: CheckpointDocument, panel: vscode.WebviewPanel): void {
    const channel: EditorChannel = connectPage<EditorHostCalls, EditorPageCalls>(
      panel.webview,
      this.extensionUri,
      "editor",
      {
        ready: async () => {
          const state = await document.state();
          this.showRequestedTab(document.uri, channel);
          return state;
        },
        tensorChunk: async ({ first }, signal) => {
          const handle = await document.openHandle();
          return this.worker.call("tensorChunk", { handle, first }, signal);
        },
        training: async (_, signal) =>
          this.worker.call("training", { handle: await document.openHandle() }, signal),
        lora: async (_, signal) => this.worker.call("lora", { handle: await document.openHandle() }, signal),
        contentPage: async ({ path, from }, signal) =>
          this.worker.call("contentPage", { handle: await document.openHandle(), path, from }, signal),
        optimizers: async (_, signal) =>
          this.worker.call("optimizers", { handle: await document.openHandle() }, signal),
        optimizerPage: async ({ optimizer, first }, signal) => {
          const handle = await document.openHandle();
          return this.worker.call("optimizerPage", { handle, optimizer, first }, signal);
        },
        ...numbersHandlers(document, this.worker),
        resume: async (_, signal) =>
          this.worker.call("resume", { handle: await document.openHandle() }, signal),
        reload: () => document.reload(),
        open: ({ path }) => openPath(path),
        openAsText: ({ path }) => openAsText(path),
        copy: copyText,
        setStage: async () => {
          await askStage(this.stages, [await this.identityOf(document)]);
        },
        compare: async () => {
          await vscode.commands.executeCommand("checkpointExplorer.compareWith", document.uri);
        },
      },
    );
    this.remember(document.uri, channel, panel);
    const changes = document.onDidChange((state) => channel.notify("changed", state));
    panel.onDidDispose(() => {
      changes.dispose();
      channel.close(new Error("The editor was closed."));
    });
  }

  /** Opens a checkpoint on a tab, whether it is open already or not. */
  async openOnTab(uri: vscode.Uri, tab: EditorTab): Promise<void> {
    this.requestedTabs.set(uri.toString(), tab);
    await vscode.commands.executeCommand("vscode.openWith", uri, viewTypeOf(uri));
    for (const channel of this.channels.get(uri.toString()) ?? []) this.showRequestedTab(uri, channel);
  }

  private async identityOf(document: CheckpointDocument): Promise<string> {
    const state = await document.state();
    return checkpointIdentity(state.status === "ready" ? state.summary.path : state.path);
  }

  private showRequestedTab(uri: vscode.Uri, channel: EditorChannel): void {
    const tab = this.requestedTabs.get(uri.toString());
    if (tab !== undefined) channel.notify("showTab", { tab });
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
