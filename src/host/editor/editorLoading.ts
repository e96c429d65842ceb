import type * as vscode from "vscode";
import { editorStart } from "../../protocol/editorStart";
import { loadPage, tellStart } from "../webviewPage";
import type { CheckpointDocument } from "./checkpointDocument";

/**
 * The page's document waits so long for the file to be read, to begin with its facts. VS Code takes as long at least
 * to make the frame that the document comes into. Facts that come later are told.
 */
const mostWaitMs = 80;

/** Loads the editor's page into its panel, beginning with what is known of the file. */
export function loadEditorPage(
  panel: Pick<vscode.WebviewPanel, "webview" | "visible" | "onDidChangeViewState" | "onDidDispose">,
  extensionUri: vscode.Uri,
  document: Pick<CheckpointDocument, "state" | "onDidChange">,
): void {
  let known: string | undefined;
  let loaded: { readonly start: string | undefined } | undefined;
  let isGone = false;
  const load = () => {
    if (isGone) return;
    loaded = { start: known };
    loadPage(panel.webview, extensionUri, "editor", null, { html: known });
  };
  // A hidden page is gone, and begins again with what was loaded: that must still be true then.
  const loadIfStale = () => {
    if (loaded !== undefined && !panel.visible && loaded.start !== known) load();
  };
  const read = document.state().then(
    (state) => (known ??= editorStart(state)),
    () => undefined, // the page asks itself, and is told
  );
  const changes = document.onDidChange((state) => {
    known = editorStart(state);
    loadIfStale();
  });
  const views = panel.onDidChangeViewState(loadIfStale);
  const timer = setTimeout(() => loaded ?? load(), mostWaitMs);
  void read.then(() => {
    clearTimeout(timer);
    if (loaded === undefined) load();
    else if (known !== undefined && loaded.start === undefined && !isGone) tellStart(panel.webview, known);
  });
  panel.onDidDispose(() => {
    isGone = true;
    clearTimeout(timer);
    changes.dispose();
    views.dispose();
  });
}
