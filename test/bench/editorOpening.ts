import { setTimeout as delay } from "node:timers/promises";
import { residentBytes } from "../support/vscode/extensionHosts";
import type { Workbench } from "../support/vscode/workbench";
import { formatMs, median } from "./measure";

const rounds = 5;
/** The worker ends when nothing was open for 45 s; a busy machine is later. */
const restMs = 55_000;

const megabytesOf = (pid: string) => residentBytes(pid) / 1e6;

/** From asking for a file by its name to the first of its content on the page. */
async function open(workbench: Workbench, path: string): Promise<number> {
  const start = performance.now();
  await workbench.openFile(path);
  await workbench
    .webviewFrame()
    .getByRole("tab", { name: /^Tensors/ })
    .waitFor({ timeout: 60_000 });
  return performance.now() - start;
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

/** How long opening takes, and what it leaves: in the extension host with its worker, and in the window. */
export async function measureOpenings(
  workbench: Workbench,
  host: string,
  small: string,
  huge: string,
): Promise<void> {
  const idle = megabytesOf(host);
  const windowIdle = await heapMegabytes(workbench);
  const first = await open(workbench, small);
  const opened = megabytesOf(host);
  const windowOpened = await heapMegabytes(workbench);
  await workbench.closeAllEditors();
  await delay(restMs);
  const idleAgain = megabytesOf(host);
  const timesOf = async (path: string) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      times.push(await open(workbench, path));
      await workbench.closeAllEditors();
    }
    return median(times);
  };
  // The thread is there again.
  await timesOf(small);
  const later = await timesOf(small);
  await delay(restMs);
  const closed = megabytesOf(host);
  const ofHuge = await timesOf(huge);
  await delay(restMs);
  const closedHuge = megabytesOf(host);
  console.log(
    `From the name of a file to its content, VS Code's own part included: the first ${formatMs(first)} ms, later ones ` +
      `${formatMs(later)} ms, 23,040 tensors ${formatMs(ofHuge)} ms (medians of ${rounds}).`,
  );
  console.log(
    `Extension host with all its threads: ${idle.toFixed(0)} MB before the first file, where the extension was not ` +
      `asked for yet, ${opened.toFixed(0)} with it, ${idleAgain.toFixed(0)} when it was closed and nothing asked for ` +
      `${restMs / 1000} s, ${closed.toFixed(0)} after ${2 * rounds} more, ${closedHuge.toFixed(0)} after ${rounds} of ` +
      "23,040 tensors.",
  );
  console.log(
    `JavaScript's heap of the window with its frames: ${windowIdle.toFixed(1)} MB before the first file, ` +
      `${windowOpened.toFixed(1)} MB with its page.`,
  );
}
