import { startCompareHost } from "./compare/compareHost";
import { startEditorHost } from "./editor/editorHost";
import type { Receive, Send, StartHost } from "./fakeChannel";
import { startMakeHost } from "./make/makeHost";
import { startRunHost } from "./run/runHost";

/**
 * Stands in for the extension: answers the calls of a page with samples made from code. One file a page in
 * fakeHost/, entered here; which sample it answers with is `window.__fakeHostOptions`, its own kind of object.
 */
const hosts: Readonly<Record<string, StartHost>> = {
  editor: startEditorHost,
  compare: startCompareHost,
  run: startRunHost,
  make: startMakeHost,
};

declare global {
  interface Window {
    __fakeHost: { attach(send: Send): Receive };
    __fakeHostOptions: unknown;
  }
}

window.__fakeHost = {
  attach(send) {
    const page = document.body.dataset.page ?? "";
    const start = hosts[page];
    if (start === undefined) throw new Error(`No fake host for the page "${page}"`);
    return start(send, window.__fakeHostOptions);
  },
};
