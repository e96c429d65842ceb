import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** Values compared across formats in a real VS Code: a .pt with a .safetensors of the same weights, but for one tensor. */

const changed = "model.layers.1.q_proj.weight";

let parent: string;
let workbench: Workbench;
/** Of the tensor as it was, and what the test added to one of its values. */
let norm: number;
const added = 0.75;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "diff-"));
  const workspace = join(parent, "models");
  mkdirSync(workspace);
  const fixtures = join(projectRoot, "test", "fixtures", "diff");
  cpSync(join(fixtures, "wrapped.pt"), join(workspace, "wrapped.pt"));
  const file = readFileSync(join(fixtures, "model.safetensors"));
  norm = addTo(file, changed);
  writeFileSync(join(workspace, "tuned.safetensors"), file);
  writeRun(join(workspace, "full-run"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(parent, { recursive: true, force: true });
});

watchWindow(() => workbench);

/** Adds to the third value of an F32 tensor of a safetensors file. @returns its norm before. */
function addTo(file: Buffer, tensor: string): number {
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + headerBytes));
  const [begin, end] = header[tensor].data_offsets.map((offset: number) => 8 + headerBytes + offset);
  let squares = 0;
  for (let at = begin; at < end; at += 4) squares += file.readFloatLE(at) ** 2;
  file.writeFloatLE(file.readFloatLE(begin + 8) + added, begin + 8);
  return Math.sqrt(squares);
}

/** Full weights at three steps: one module grows by a tenth each time, the other stays. */
function writeRun(run: string): void {
  for (const [at, step] of [10, 20, 30].entries()) {
    const folder = join(run, `checkpoint-${step}`);
    mkdirSync(folder, { recursive: true });
    const grown = Float32Array.from({ length: 64 }, (_, index) => Math.sin(index + 1) * (1 + at / 10));
    const still = Float32Array.from({ length: 64 }, (_, index) => Math.cos(index + 1));
    const tensors = ["up", "down"].map((name) => ({
      name: `layers.0.${name}.weight`,
      dtype: "F32",
      shape: [8, 8],
    }));
    const data = new Uint8Array(Buffer.concat([Buffer.from(grown.buffer), Buffer.from(still.buffer)]));
    writeFileSync(join(folder, "model.safetensors"), safetensorsFile({ tensors, data }));
    const logged = [10, 20, 30].slice(0, at + 1).map((done) => ({ step: done, loss: 2 - done / 30 }));
    const state = { global_step: step, epoch: step / 10, log_history: logged };
    writeFileSync(join(folder, "trainer_state.json"), JSON.stringify(state));
  }
}

test("tells which tensor changed and by how much, behind prefixes and tied weights", async () => {
  const { page: window } = workbench;
  await workbench.pickFromContextMenu(workbench.treeItem(/^wrapped\.pt/).first(), "Select for Comparison");
  await workbench.pickFromContextMenu(
    workbench.treeItem(/^tuned\.safetensors/).first(),
    "Compare with Selected",
  );
  await workbench.waitForEditor("↔");
  const page = workbench.webviewFrame();
  await page.getByText(/^Names, shapes and dtypes are compared\./).waitFor();
  await page.getByRole("button", { name: "Compare values" }).click();
  await page.getByText(/^Values compared: /).waitFor();
  await expect
    .poll(() => page.getByRole("list", { name: "What changed" }).innerText())
    .toContain("1 of 11 tensors changed");

  const table = page.getByRole("table", { name: "Tensors", exact: true });
  const first = table.locator("tbody tr[data-row='0']");
  await first.getByRole("button", { name: `module.${changed}, changed` }).waitFor();
  const [layout, relativeL2, maxAbs, cosine] = await first.getByRole("cell").allInnerTexts();
  expect([layout, maxAbs]).toEqual(["F32 [8, 6]", "0.7500"]);
  expect(Number.parseFloat(relativeL2 ?? "")).toBeCloseTo((100 * added) / norm, 1);
  expect(Number.parseFloat(cosine ?? "")).toBeGreaterThan(0.98);
  await page.getByRole("button", { name: "equal 10" }).waitFor();
  await workbench.screenshot("diff");

  await first.getByRole("button").click();
  const pane = page.getByRole("region", { name: "Differences of the tensor" });
  const change = pane.getByRole("table", { name: "First values that differ" }).getByRole("row").nth(1);
  await change.getByText("[0, 2]").waitFor();
  await expect.poll(() => change.getByRole("cell").last().innerText()).toBe("0.75");
  await window.keyboard.press("Escape");
});

test("follows how far the weights of a run without adapters drifted", async () => {
  await workbench.closeAllEditors();
  const runs = await workbench.openRuns();
  const run = runs.getByRole("treeitem", { name: /^full-run / });
  await workbench.pickFromContextMenu(run, "Timeline of Weight Changes");
  const page = workbench.webviewFrame();
  await page.getByRole("slider", { name: / by module and checkpoint$/ }).waitFor();
  await page.getByRole("button", { name: "Show the timeline as a table" }).click();
  const table = page.getByRole("table", { name: /^Change since the first checkpoint/ });
  const drift = async (module: string) => {
    const row = table.getByRole("row").filter({ has: page.getByRole("button", { name: module }) });
    return (await row.getByRole("cell").allTextContents()).map(Number.parseFloat);
  };
  expect(await drift("layers.0.up")).toEqual([Number.NaN, 10, 20]);
  expect(await drift("layers.0.down")).toEqual([Number.NaN, 0, 0]);
  // The first one, from which the others are measured, is no gap in the line.
  await page
    .getByRole("slider", { name: "Change since the first checkpoint: layers.0.up by step" })
    .waitFor();
  await page.getByText(/NaN or infinite/).waitFor({ state: "detached" });
  await workbench.screenshot("timeline-weights");
});
