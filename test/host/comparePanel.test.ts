import { describe, expect, it } from "vitest";
import type * as vscode from "vscode";
import type { CompareModuleRow, CompareView } from "../../src/core/compare/compareView";
import { ComparePanel, type CompareServices, maxSnapshots } from "../../src/host/compare/comparePanel";
import { Channel } from "../../src/protocol/channel";
import type { ComparePiece } from "../../src/protocol/comparePieces";
import type { CompareHostCalls, ComparePageCalls, CompareState } from "../../src/protocol/compareSurface";
import { decodeFromWebview, encodeForWebview } from "../../src/protocol/webviewWire";
import { EventEmitter, Uri } from "../support/vscodeStandIn";

function viewOf(paths: readonly string[], moduleCount = 1): CompareView {
  const cells = paths.map(() => undefined);
  return {
    columns: paths.map((path) => ({ path, label: path.slice(1) })),
    modules: Array.from({ length: moduleCount }, (_, at) => ({ module: `layer.${at}`, cells })),
    tensors: [],
    problems: [],
  } as unknown as CompareView;
}

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** A panel over a page and a worker that answer as the test says. */
function panelOf(
  paths: readonly string[],
  { timeline, ...given }: { timeline?: readonly string[]; failure?: string; modules?: number } = {},
) {
  const calls: { method: string; params: Record<string, unknown>; signal?: AbortSignal }[] = [];
  const worker = { failure: given.failure, modules: given.modules ?? 1, waits: false };
  let handles = 0;
  const call = async (method: string, params: Record<string, unknown>, signal?: AbortSignal) => {
    calls.push({ method, params, ...(signal === undefined ? {} : { signal }) });
    if (method !== "compare") return { asked: params };
    if (worker.waits) {
      await new Promise((_, reject) => {
        const cancelled = Object.assign(new Error("Cancelled"), { name: "AbortError" });
        signal?.addEventListener("abort", () => reject(cancelled));
      });
    }
    if (worker.failure !== undefined) throw new Error(worker.failure);
    return { handle: ++handles, view: viewOf(params.paths as string[], worker.modules) };
  };
  const toPage = new EventEmitter<unknown>();
  const toHost = new EventEmitter<unknown>();
  const closed = new EventEmitter<void>();
  const stagesChanged = new EventEmitter<void>();
  const kept: unknown[] = [];
  const panel = {
    title: "",
    onDidDispose: closed.event,
    webview: {
      html: "",
      cspSource: "test",
      asWebviewUri: (uri: Uri) => uri,
      onDidReceiveMessage: toHost.event,
      postMessage: async (message: unknown) => {
        if (typeof message === "object" && message !== null && "host" in message) kept.push(message.host);
        else toPage.fire(message);
      },
    },
  };
  const staged: string[] = [];
  const services = {
    extensionUri: Uri.file("/extension"),
    worker: { call },
    log: { error: () => {} },
    userStages: () => [],
    pickSnapshots: async () => ["/picked"],
    setStage: async (path: string) => staged.push(path) < 2,
    onStagesChanged: stagesChanged.event,
  };
  new ComparePanel(
    panel as unknown as vscode.WebviewPanel,
    paths,
    services as unknown as CompareServices,
    timeline,
  );
  const states: CompareState[] = [];
  const page = new Channel<ComparePageCalls, CompareHostCalls>(
    {
      post: (message) => toHost.fire(encodeForWebview(message)),
      onMessage: (listener) => toPage.event((message) => listener(decodeFromWebview(message))),
    },
    { changed: (state) => void states.push(state), progress: () => {}, diffChanged: () => {} },
  );
  const asked = (method: string) => calls.filter((one) => one.method === method);
  return { page, panel, worker, states, kept, staged, asked, stagesChanged, close: () => closed.fire() };
}

describe("ComparePanel", () => {
  it("compares, says what it compares, and gives a page that comes later the same", async () => {
    const { page, panel } = panelOf(["/a", "/b", "/c"]);
    await turns();
    expect(panel.title).toBe("a ↔ c (3)");
    const state = await page.call("ready", null);
    expect(state).toMatchObject({ status: "ready", generation: 1, head: { moduleCount: 1 } });
    expect(await page.call("ready", null)).toEqual(state);
  });

  it("keeps its title where it follows a run", async () => {
    const { page, panel } = panelOf(["/a", "/b"], { timeline: ["/a", "/b", "/c"] });
    await turns();
    expect(panel.title).toBe("");
    expect(await page.call("timelinePaths", null)).toEqual(["/a", "/b", "/c"]);
  });

  it("gives all rows piece by piece, and none of a comparison that is no longer shown", async () => {
    const { page, stagesChanged } = panelOf(["/a", "/b"], { modules: 20_000 });
    await turns();
    const rows: CompareModuleRow[] = [];
    for (let first: number | undefined = 0; first !== undefined; ) {
      const piece: ComparePiece = await page.call("rows", { generation: 1, first });
      rows.push(...piece.modules);
      first = piece.next;
    }
    expect(rows.map(({ module }) => module)).toEqual(viewOf([], 20_000).modules.map(({ module }) => module));
    stagesChanged.fire();
    await turns();
    await expect(page.call("rows", { generation: 1, first: 0 })).rejects.toThrow("computed anew");
  });

  it("takes added snapshots at the right, up to as many as fit, and keeps them for the next window", async () => {
    const paths = Array.from({ length: maxSnapshots - 1 }, (_, at) => `/${at}`);
    const { page, kept, asked } = panelOf(paths);
    await turns();
    await page.call("add", null);
    expect(kept.at(-1)).toEqual({ paths: [...paths, "/picked"] });
    await page.call("add", null);
    expect(asked("compare").at(-1)?.params.paths).toHaveLength(maxSnapshots);
  });

  it("says what failed, and compares again when asked to", async () => {
    const { page, worker, states } = panelOf(["/a", "/b"], { failure: "The disk is gone." });
    await turns();
    expect(states.at(-1)).toEqual({ status: "failed", message: "The disk is gone." });
    await expect(page.call("moduleDetail", { module: "x" } as never)).rejects.toThrow("not computed");
    worker.failure = undefined;
    await page.call("reload", null);
    expect(states.at(-1)).toMatchObject({ status: "ready", generation: 1 });
  });

  it("stops when it is told to, and keeps silent about what it stopped", async () => {
    const { page, worker, states, asked } = panelOf(["/a", "/b"]);
    await turns();
    worker.waits = true;
    const again = page.call("reload", null);
    await turns();
    await page.call("cancel", null);
    await again;
    expect(asked("compare").at(-1)?.signal?.aborted).toBe(true);
    expect(states.at(-1)).toEqual({ status: "failed", message: "The comparison was stopped." });
  });

  it("asks for one stage after the other until the user has enough", async () => {
    const { page, staged } = panelOf(["/a", "/b", "/c"]);
    await turns();
    await page.call("setStages", { paths: ["/a", "/b", "/c"] });
    expect(staged).toEqual(["/a", "/b"]);
  });

  it("gives its snapshots back when it is computed anew or closed", async () => {
    const { page, asked, close } = panelOf(["/a", "/b"]);
    await turns();
    await page.call("reload", null);
    expect(asked("close").map(({ params }) => params.handle)).toEqual([1]);
    close();
    expect(asked("close").map(({ params }) => params.handle)).toEqual([1, 2]);
  });
});
