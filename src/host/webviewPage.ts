import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { Channel, type Handlers } from "../protocol/channel";
import { decodeFromWebview, encodeForWebview } from "../protocol/webviewWire";

export type PageName = "editor" | "compare" | "run";

/**
 * Loads a page into a webview and connects to it. The page may be destroyed and run again at any time (a hidden
 * webview does not exist), which is why it always begins with `ready`.
 */
export function connectPage<HostCalls, PageCalls>(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  page: PageName,
  handlers: Handlers<HostCalls>,
  panelState: unknown = null,
): Channel<HostCalls, PageCalls> {
  const folder = vscode.Uri.joinPath(extensionUri, "dist", "webview");
  webview.options = { enableScripts: true, localResourceRoots: [folder] };
  const channel = new Channel<HostCalls, PageCalls>(
    {
      // A message to a hidden page is lost; it asks again when it is shown.
      post: (message) => void webview.postMessage(encodeForWebview(message)),
      onMessage: (listener) => webview.onDidReceiveMessage((message) => listener(decodeFromWebview(message))),
    },
    handlers,
  );
  webview.html = pageHtml(webview, folder, page, panelState);
  return channel;
}

/** Has the page keep what is needed to make its panel again after a window reload (see webview/host.ts). */
export function keepPanelState(webview: vscode.Webview, panelState: unknown): void {
  void webview.postMessage({ host: panelState });
}

/** What `keepPanelState` kept, out of the state that VS Code hands to a serializer. */
export function keptPanelState(state: unknown): unknown {
  return typeof state === "object" && state !== null && "host" in state ? state.host : undefined;
}

/** Nothing but our own script and style may run or load, whatever a tensor is called. */
function pageHtml(webview: vscode.Webview, folder: vscode.Uri, page: PageName, panelState: unknown): string {
  const nonce = randomBytes(16).toString("base64url");
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, `${page}.js`));
  const style = webview.asWebviewUri(vscode.Uri.joinPath(folder, "styles.css"));
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>Checkpoint Explorer</title>
</head>
<body data-page="${page}" data-host-state="${escapeAttribute(JSON.stringify(panelState))}">
<div id="root"></div>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
