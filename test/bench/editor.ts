import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { extensionHostOf, readBytes, residentBytes } from "../support/vscode/extensionHosts";
import { withVscode } from "../support/vscode/withVscode";
import { Workbench } from "../support/vscode/workbench";
import { measureOpenings } from "./editorOpening";
import { writeSparseModels } from "./sparseModels";

/**
 * `npm run bench:editor`: what opening and scanning take in a real VS Code: the memory of the extension host and the
 * page, what a closed tab still reads, and how long the page is busy while results come in. `-- open` measures opening
 * alone; how long it takes says `bench:open`. Linux only: it looks into /proc.
 */
const shownSeconds = 30;

const megabytesOf = (pid: string) => residentBytes(pid) / 1e6;

const experts = "deepseek/model-00001-of-000163.safetensors";

async function startScan(workbench: Workbench, path: string): Promise<void> {
  await workbench.openFile(path);
  const page = workbench.webviewFrame();
  if (path.includes("-of-")) await page.getByRole("button", { name: "Open the whole model" }).click();
  await page.getByRole("tab", { name: /^Tensors/ }).click();
  await page.getByRole("button", { name: "Scan values" }).click();
}

async function measureMemory(workbench: Workbench, host: string): Promise<void> {
  const before = megabytesOf(host);
  await startScan(workbench, "llama.safetensors");
  const scanned = workbench.webviewFrame().getByText(/^Scanned /);
  let [peak, isRunning] = [before, true];
  const watch = (async () => {
    while (isRunning) {
      peak = Math.max(peak, megabytesOf(host));
      await delay(20);
    }
  })();
  const start = performance.now();
  await scanned.waitFor({ timeout: 300_000 });
  const seconds = (performance.now() - start) / 1000;
  isRunning = false;
  await watch;
  console.log(
    `13.5 GB scanned in ${seconds.toFixed(1)} s. Extension host with all its threads: ${before.toFixed(0)} MB before, ` +
      `at most ${peak.toFixed(0)} MB (target 300).`,
  );
}

async function measureClosing(workbench: Workbench, host: string): Promise<void> {
  await startScan(workbench, experts);
  await workbench.webviewFrame().getByRole("button", { name: "Cancel" }).waitFor();
  await delay(1000);
  const running = readBytes(host);
  await delay(1000);
  const scanned = readBytes(host) - running;
  await workbench.closeAllEditors();
  const closed = readBytes(host);
  await delay(1000);
  const left = readBytes(host) - closed;
  console.log(
    `Read in a second of a scan: ${(scanned / 1e6).toFixed(0)} MB; in a second after its tab was closed: ` +
      `${(left / 1e6).toFixed(1)} MB.`,
  );
}

/** Of a trace of Chromium, with durations in µs. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  /** What the thread itself took: the rest it waited for a processor. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** The tasks of the window's main thread, which the page shares with all of VS Code. */
function tasksOf(trace: readonly TraceEvent[]): readonly TraceEvent[] {
  const isMain = ({ name, args }: TraceEvent) => name === "thread_name" && args?.name === "CrRendererMain";
  const main = new Set(trace.filter(isMain).map(({ pid, tid }) => `${pid} ${tid}`));
  return trace.filter(({ name, pid, tid }) => name.endsWith("::RunTask") && main.has(`${pid} ${tid}`));
}

async function measureLongTasks(workbench: Workbench): Promise<void> {
  await startScan(workbench, experts);
  const page = workbench.webviewFrame();
  await page.getByRole("button", { name: "Table", exact: true }).click();
  await page.getByRole("columnheader", { name: "Std" }).getByRole("button").click();
  await delay(2000);
  await page.getByRole("treegrid").or(page.getByRole("grid")).first().hover();
  const browser = workbench.page.context().browser();
  if (browser === null) throw new Error("The window has no browser.");
  await browser.startTracing(workbench.page, { categories: ["toplevel"] });
  const until = performance.now() + shownSeconds * 1000;
  while (performance.now() < until) {
    await workbench.page.mouse.wheel(0, 600);
    await delay(100);
  }
  const trace = JSON.parse((await browser.stopTracing()).toString("utf8"));
  const progress = await page.getByRole("status").first().innerText();
  const longest = (key: "dur" | "tdur") => {
    const times = tasksOf(trace.traceEvents).map((task) => (task[key] ?? 0) / 1000);
    const sorted = times.filter((ms) => ms > 50).sort((a, b) => b - a);
    return `${sorted.length} over 50 ms, longest ${sorted.slice(0, 4).map(Math.round).join(", ")} ms`;
  };
  console.log(
    `89,088 tensors in a table sorted by Std and scrolled, ${shownSeconds} s of a scan (${progress}). Tasks of the ` +
      `window by its processor time: ${longest("tdur")} (target 100); by the clock, with what else the machine ` +
      `does: ${longest("dur")}.`,
  );
}

const parent = mkdtempSync(join(tmpdir(), "checkpoint-explorer-bench-"));
const workspace = join(parent, "models");
try {
  mkdirSync(workspace);
  await writeSparseModels(workspace);
  // What was just written is looked at as a training that writes.
  const longAgo = new Date("2024-01-01");
  for (const entry of readdirSync(workspace, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), longAgo, longAgo);
  await withVscode("bench", async (connection) => {
    const options = { workspace, inPlace: true, viewport: { width: 1400, height: 900 } };
    const workbench = await Workbench.open(options, connection);
    try {
      const host = await extensionHostOf(connection.server);
      console.log(`In VS Code; load ${loadavg()[0]?.toFixed(1)}.`);
      await measureOpenings(workbench, host, "llama.safetensors", "experts.safetensors");
      if (process.argv[2] === "open") return;
      await measureMemory(workbench, host);
      await workbench.closeAllEditors();
      await measureClosing(workbench, host);
      await measureLongTasks(workbench);
    } catch (error) {
      console.error(`See ${await workbench.screenshot("failed-bench")}`);
      throw error;
    } finally {
      await workbench.close();
    }
  });
} finally {
  rmSync(parent, { recursive: true, force: true });
}
