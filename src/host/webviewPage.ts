import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import * as vscode from "vscode";
import { Channel, type Handlers } from "../protocol/channel";
import { type PageName, pageHtml } from "../protocol/pageHtml";
import { behindShapes, type Params } from "../protocol/params/shapes";
import { decodeFromWebview, encodeForWebview } from "../protocol/webviewWire";

/**
 * Loads a page into a webview and connects to it. The page may be destroyed and run again at any time (a hidden
 * webview does not exist), which is why it always begins with `ready`.
 */
export function connectPage<HostCalls, PageCalls>(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  page: PageName,
  params: Params<HostCalls>,
  handlers: Handlers<HostCalls>,
  panelState: unknown = null,
): Channel<HostCalls, PageCalls> {
  const channel = connectLater<HostCalls, PageCalls>(webview, extensionUri, params, handlers);
  loadPage(webview, extensionUri, page, panelState);
  return channel;
}

/** Connects to the page that `loadPage` will load. */
export function connectLater<HostCalls, PageCalls>(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  params: Params<HostCalls>,
  handlers: Handlers<HostCalls>,
): Channel<HostCalls, PageCalls> {
  webview.options = { enableScripts: true, localResourceRoots: [folderOf(extensionUri)] };
  return new Channel<HostCalls, PageCalls>(
    {
      // A message to a hidden page is lost; it asks again when it is shown.
      post: (message) => void webview.postMessage(encodeForWebview(message)),
      onMessage: (listener) => webview.onDidReceiveMessage((message) => listener(decodeFromWebview(message))),
    },
    behindShapes(params, handlers),
  );
}

/** @param begins what is shown until the page's scripts have more to show; without HTML `tellStart` may tell it */
export function loadPage(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  page: PageName,
  panelState: unknown,
  begins?: { readonly html: string | undefined },
): void {
  const folder = folderOf(extensionUri);
  const inFolder = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(folder, name)).toString();
  webview.html = pageHtml({
    page,
    script: inFolder(`${page}.js`),
    imports: importsOf(folder, page).map(inFolder),
    style: inFolder("styles.css"),
    source: webview.cspSource,
    nonce: randomBytes(16).toString("base64url"),
    panelState,
    start: begins === undefined ? undefined : { html: begins.html, css: startCss(folder) },
  });
}

/** Shows HTML in a page that was loaded to begin with it, if its scripts are not there yet. */
export function tellStart(webview: vscode.Webview, html: string): void {
  void webview.postMessage({ start: html });
}

function folderOf(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, "dist", "webview");
}

let startSheet: string | undefined;

function startCss(folder: vscode.Uri): string {
  startSheet ??= readFileSync(vscode.Uri.joinPath(folder, "start.css").fsPath, "utf8");
  return startSheet;
}

let pageFiles: Readonly<Record<PageName, readonly string[]>> | undefined;

/** The files that a page imports at once, which the build has noted; it would find them by itself, one after the other. */
function importsOf(folder: vscode.Uri, page: PageName): readonly string[] {
  const path = vscode.Uri.joinPath(folder, "pageFiles.json").fsPath;
  pageFiles ??= existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  return pageFiles?.[page] ?? [];
}

/** Has the page keep what is needed to make its panel again after a window reload (see webview/host.ts). */
export function keepPanelState(webview: vscode.Webview, panelState: unknown): void {
  void webview.postMessage({ host: panelState });
}

/** What `keepPanelState` kept, out of the state that VS Code hands to a serializer. */
export function keptPanelState(state: unknown): unknown {
  return typeof state === "object" && state !== null && "host" in state ? state.host : undefined;
}
