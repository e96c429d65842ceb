/**
 * `npm run soak [-- CYCLES]`: opens, scans, compares and closes hostile and honest files over and over in a real VS
 * Code, and holds what the extension host keeps (memory, threads, open files) after the last cycles against what it kept after
 * the first. Linux only: it looks into /proc.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { costlyFiles } from "../fuzz/costlyFiles";
import { hidingPlaces } from "../fuzz/hidingPlaces";
import { hostilePickles, wholePickle } from "../fuzz/hostilePickles";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { extensionHostOf, residentBytes, withWorkers } from "../support/vscode/extensionHosts";
import { withVscode } from "../support/vscode/withVscode";
import { Workbench } from "../support/vscode/workbench";

const cycles = Number(process.argv[2] ?? 200);
/** Caches fill at first: what is kept is counted from here on. */
const warmUp = Math.min(10, Math.floor(cycles / 4));
/** What may be left over all cycles. */
const mostKeptMegabytes = 120;

const costly = [
  "tuples in tuples.pt",
  "doubled tensors.pt",
  "imports.pt",
  "factors.safetensors",
  "many tensors.gguf",
];

const compared = ["before.safetensors", "after.safetensors"] as const;

/** Files by name; each cycle opens the next ones. */
function writeFiles(workspace: string): readonly string[] {
  const made: Record<string, Uint8Array> = {};
  for (const { name, make } of costlyFiles.filter((each) => costly.includes(each.name)))
    made[`costly-${name.replaceAll(" ", "-")}`] = make();
  for (const [at, { fileName, hide }] of hidingPlaces.slice(0, 8).entries()) {
    const pickle = hostilePickles[(at * 7) % hostilePickles.length];
    if (pickle !== undefined) made[`hostile-${at}-${fileName}`] = hide(wholePickle(pickle));
  }
  for (const [at, name] of compared.entries()) {
    const tensors = Array.from({ length: 50 }, (_, layer) => ({
      name: `layers.${layer}.weight`,
      dtype: "F32",
      shape: [8, 8],
    }));
    const data = new Uint8Array(
      Float32Array.from({ length: 50 * 64 }, (_, index) => Math.sin(index + at)).buffer,
    );
    made[name] = safetensorsFile({ tensors, data });
  }
  for (const [name, bytes] of Object.entries(made)) {
    mkdirSync(dirname(join(workspace, name)), { recursive: true });
    writeFileSync(join(workspace, name), bytes);
  }
  cpSync(join(projectRoot, "media", "sample"), join(workspace, "sample"), { recursive: true });
  const honest = join(projectRoot, "test", "fixtures", "torch");
  const copied = readdirSync(honest)
    .filter((name) => name.endsWith(".pt"))
    .slice(0, 6);
  for (const name of copied) cpSync(join(honest, name), join(workspace, name));
  return [...Object.keys(made), ...copied].filter((name) => /\.(?:pt|safetensors|gguf)$/.test(name));
}

interface Kept {
  readonly cycle: number;
  readonly megabytes: number;
  readonly threads: number;
  readonly handles: number;
}

function keptBy(host: string, cycle: number): Kept {
  const count = (what: string) =>
    withWorkers(host).reduce((sum, pid) => sum + readdirSync(join("/proc", pid, what)).length, 0);
  return { cycle, megabytes: residentBytes(host) / 1e6, threads: count("task"), handles: count("fd") };
}

/** VS Code's own lists answer late on a busy machine; what does not come at the third time is a failure. */
async function again(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === 3) throw error;
      await delay(1000);
    }
  }
}

/** The page answers: it shows the file or what is wrong with it. */
async function openAndScan(workbench: Workbench, name: string): Promise<void> {
  await workbench.openFile(name);
  const page = workbench.webviewFrame();
  await page
    .getByRole("tab", { name: /^(?:Overview|Health)/ })
    .or(page.getByRole("button", { name: "Try again" }))
    .first()
    .waitFor({ timeout: 60_000 });
  const tensors = page.getByRole("tab", { name: /^Tensors/ });
  if ((await tensors.count()) === 0) return;
  await tensors.click();
  const scan = page.getByRole("button", { name: "Scan values" });
  if ((await scan.count()) > 0) await scan.click({ timeout: 5000 }).catch(() => undefined);
}

/** The values as well: the threads that compare them are those that scan. */
async function compare(workbench: Workbench): Promise<void> {
  const [first, second] = compared.map((name) => workbench.treeItem(new RegExp(`^${name}`)).first());
  if (first === undefined || second === undefined) return;
  await workbench.pickFromContextMenu(first, "Select for Comparison");
  await workbench.pickFromContextMenu(second, "Compare with Selected");
  await workbench.waitForEditor("↔");
  const page = workbench.webviewFrame();
  await page.getByRole("button", { name: "Compare values" }).click({ timeout: 60_000 });
  await page.getByText(/^Values compared: /).waitFor({ timeout: 60_000 });
}

const parent = mkdtempSync(join(tmpdir(), "checkpoint-explorer-soak-"));
const workspace = join(parent, "soak");
try {
  mkdirSync(workspace);
  const names = writeFiles(workspace);
  await withVscode("soak", async (connection) => {
    const workbench = await Workbench.open(
      { workspace, inPlace: true, viewport: { width: 1400, height: 900 } },
      connection,
    );
    const kept: Kept[] = [];
    try {
      const host = await extensionHostOf(connection.server);
      console.log(`${cycles} cycles over ${names.length} files; load ${loadavg()[0]?.toFixed(1)}.`);
      for (let cycle = 1; cycle <= cycles; cycle++) {
        for (const name of [names[(2 * cycle) % names.length], names[(2 * cycle + 1) % names.length]])
          await again(() => openAndScan(workbench, name ?? ""));
        await again(() => compare(workbench));
        await again(() => workbench.closeAllEditors());
        if (cycle === warmUp || cycle % 10 === 0 || cycle === cycles) {
          await delay(2000);
          const now = keptBy(host, cycle);
          kept.push(now);
          console.log(
            `${cycle}\t${now.megabytes.toFixed(0)} MB\t${now.threads} threads\t${now.handles} open files`,
          );
        }
      }
    } catch (error) {
      console.error(`See ${await workbench.screenshot("failed-soak")}`);
      throw error;
    } finally {
      await workbench.close();
    }
    const [first, last] = [kept[0], kept.at(-1)];
    if (first === undefined || last === undefined) return;
    const grown = last.megabytes - first.megabytes;
    const isKept =
      grown > mostKeptMegabytes || last.threads > first.threads + 1 || last.handles > first.handles + 3;
    console.log(
      `${isKept ? "FAILED" : "ok"}: ${grown.toFixed(0)} MB, ${last.threads - first.threads} threads and ${last.handles - first.handles} open files more than after cycle ${first.cycle}.`,
    );
    if (isKept) process.exitCode = 1;
  });
} finally {
  rmSync(parent, { recursive: true, force: true });
}
