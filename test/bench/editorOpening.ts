import { setTimeout as delay } from "node:timers/promises";
import { residentBytes, withWorkers } from "../support/vscode/extensionHosts";
import type { Workbench } from "../support/vscode/workbench";
import { printTable } from "./measure";

const rounds = 5;
/** What VS Code itself begins with: until then its extension host grows. */
const settleMs = 20_000;
/** The worker ends when nothing was open for 45 s, later where a search took long. */
const mostRestMs = 240_000;

/** With the worker; of the extension host after a collection, because the engine keeps what it once had for a while. */
async function megabytesOf(host: string): Promise<number> {
  await collectGarbage(host);
  await delay(1000);
  return residentBytes(host) / 1e6;
}

async function restedMegabytes(host: string): Promise<number> {
  const untilMs = performance.now() + mostRestMs;
  while (withWorkers(host).length > 1 && performance.now() < untilMs) await delay(1000);
  if (withWorkers(host).length > 1) throw new Error("The worker did not end.");
  return megabytesOf(host);
}

/** Has the engine of a process collect its garbage, over its inspector. */
async function collectGarbage(pid: string): Promise<void> {
  process.kill(Number(pid), "SIGUSR1");
  await delay(500);
  const listed = await fetch("http://127.0.0.1:9229/json/list");
  const [target] = (await listed.json()) as { readonly webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  await new Promise((opened) => socket.addEventListener("open", opened));
  socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
  await new Promise((answered) => socket.addEventListener("message", answered));
  socket.close();
}

/** Opens a file by its name, until the first of its content is on the page. */
async function open(workbench: Workbench, path: string): Promise<void> {
  await workbench.openFile(path);
  await workbench
    .webviewFrame()
    .getByRole("tab", { name: /^Tensors/ })
    .waitFor({ timeout: 60_000 });
}

/** JavaScript's heap of the window after a collection; the pages of editors are frames of it. */
async function heapMegabytes(workbench: Workbench): Promise<number> {
  const session = await workbench.page.context().newCDPSession(workbench.page);
  try {
    await session.send("HeapProfiler.collectGarbage");
    await session.send("Performance.enable");
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? Number.NaN) / 1e6;
  } finally {
    await session.detach();
  }
}

/** What opening takes in memory, and what it leaves: in the extension host with its worker, and in the window. */
export async function measureOpenings(
  workbench: Workbench,
  host: string,
  small: string,
  huge: string,
): Promise<void> {
  await delay(settleMs);
  const idle = await megabytesOf(host);
  const windowIdle = await heapMegabytes(workbench);
  await open(workbench, small);
  const opened = await megabytesOf(host);
  const windowOpened = await heapMegabytes(workbench);
  await workbench.closeAllEditors();
  const openAgain = async (path: string) => {
    for (let round = 0; round < rounds; round++) {
      await open(workbench, path);
      await workbench.closeAllEditors();
    }
    return restedMegabytes(host);
  };
  const closed = await openAgain(small);
  const closedHuge = await openAgain(huge);
  const more = (megabytes: number) => `${megabytes < 0 ? "−" : "+"}${Math.abs(megabytes).toFixed(0)} MB`;
  console.log(
    "Memory beyond that of VS Code before the first file, where it has not asked for the extension yet:",
  );
  printTable(
    ["where and when", "measured", "target"],
    [
      ["page of 291 tensors, JavaScript's heap", more(windowOpened - windowIdle), "60 MB"],
      ["extension host and worker, the first file open", more(opened - idle), ""],
      [`idle: ${rounds + 1} files of 291 tensors closed, worker ended`, more(closed - idle), "30 MB"],
      [`and after ${rounds} of 23,040 tensors`, more(closedHuge - idle), "20 MB"],
    ],
  );
  console.log(
    `Before: extension host ${idle.toFixed(0)} MB, heap of the window ${windowIdle.toFixed(1)} MB.`,
  );
}
