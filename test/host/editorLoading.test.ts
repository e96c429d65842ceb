import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { loadEditorPage } from "../../src/host/editor/editorLoading";
import type { EditorState } from "../../src/protocol/editorSurface";
import { EventEmitter, Uri } from "../support/vscodeStandIn";
import { editorSamples } from "../webview/fakeHost/editor/editorSamples";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-page-"));
  mkdirSync(join(folder, "dist", "webview"), { recursive: true });
  writeFileSync(join(folder, "dist", "webview", "start.css"), ".page{}");
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const ready = (name: "adapter" | "model"): EditorState => ({ ...editorSamples[name]().state, generation: 1 });

function opened() {
  const loads: string[] = [];
  const told: string[] = [];
  const views = new EventEmitter<void>();
  const gone = new EventEmitter<void>();
  const changed = new EventEmitter<EditorState>();
  const webview = {
    cspSource: "here:",
    asWebviewUri: (uri: Uri) => uri,
    set html(text: string) {
      loads.push(
        /<h1.*?<\/h1>/s
          .exec(text)?.[0]
          .replace(/<[^>]+>/g, " ")
          .trim() ?? "nothing",
      );
    },
    postMessage: ({ start }: { readonly start: string }) => void told.push(start),
  };
  const panel = { webview, visible: true, onDidChangeViewState: views.event, onDidDispose: gone.event };
  let answer: (state: EditorState) => void = () => {};
  const state = () => new Promise<EditorState>((resolve) => (answer = resolve));
  loadEditorPage(panel as never, Uri.file(folder) as never, { state, onDidChange: changed.event as never });
  const read = async (known: EditorState) => {
    answer(known);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { loads, told, panel, views, gone, changed, read };
}

it("begins with the facts of a file that is read in time", async () => {
  const { loads, read } = opened();
  expect(loads).toEqual([]);
  await read(ready("adapter"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(loads).toEqual([expect.stringMatching(/LoRA adapter/)]);
});

it("waits no longer for one that takes its time, which the page is told and, hidden meanwhile, begins with", async () => {
  const { loads, told, panel, views, read } = opened();
  await vi.advanceTimersByTimeAsync(1000);
  expect(loads).toEqual(["nothing"]);
  await read(ready("adapter"));
  expect(told).toEqual([expect.stringMatching(/LoRA adapter/)]);
  views.fire();
  expect(loads).toHaveLength(1);
  panel.visible = false;
  views.fire();
  expect(loads).toEqual(["nothing", expect.stringMatching(/LoRA adapter/)]);
});

it("never begins with what is no longer true", async () => {
  const { loads, panel, views, changed, read } = opened();
  await read(ready("adapter"));
  changed.fire(ready("model"));
  expect(loads).toHaveLength(1);
  panel.visible = false;
  views.fire();
  expect(loads[1]).not.toMatch(/adapter/);
  changed.fire({ status: "deleted", generation: 3, path: "/m/w.safetensors", name: "w.safetensors" });
  expect(loads.slice(2)).toEqual(["nothing"]);
});

it("loads nothing into a panel that was closed meanwhile", async () => {
  const { loads, gone, read } = opened();
  gone.fire();
  await read(ready("adapter"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(loads).toEqual([]);
});
