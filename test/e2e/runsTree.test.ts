import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { writeCheckpointFolder } from "../support/made/checkpointFolder";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** What a user does with the rows of Training Runs: sort them, choose what they say, delete what is not needed. */

let scratch: string;
let workbench: Workbench;

/** Eval losses go down with the step, and the trainer says that the second one is best. */
const plan = { maxSteps: 400, saveSteps: 40, best: "/somewhere/checkpoint-80", bestMetric: 0.5 };

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tree-"));
  const workspace = join(scratch, "project");
  for (const step of [40, 80, 120, 160]) writeCheckpointFolder(join(workspace, "results"), { ...plan, step });
  mkdirSync(join(workspace, "csv"), { recursive: true });
  writeFileSync(join(workspace, "csv", "metrics.csv"), "step,loss\n1,2.5\n2,2.25\n");
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

function checkpoint(runs: Locator, step: number, says = ""): Locator {
  return runs.getByRole("treeitem", { name: new RegExp(`^checkpoint-${step} .*${says}`) });
}

/** The steps of the checkpoints from top to bottom. */
async function stepsInOrder(runs: Locator): Promise<number[]> {
  const rows = runs.getByRole("treeitem", { name: /^checkpoint-/ });
  const labels = await rows.evaluateAll((all) => all.map((row) => row.getAttribute("aria-label") ?? ""));
  return labels.map((label) => Number(/^checkpoint-(\d+) /.exec(label)?.[1]));
}

test("a run says how far it has come and which is best, and one without checkpoints what its log says", async () => {
  const runs = await workbench.openRuns();
  await runs
    .getByRole("treeitem", { name: /^results step 160 of 400 · ★ .*at step 80 · 4 checkpoints/ })
    .waitFor();
  await checkpoint(runs, 80, "★ best").waitFor();
  await checkpoint(runs, 160, "last").waitFor();
  const logOnly = runs.getByRole("treeitem", { name: /^csv log only · step 2 · loss 2\.250/ });
  await workbench.selectRows(logOnly);
  await workbench.waitForEditor("csv");
  await workbench.webviewFrame().locator("canvas").first().waitFor();
});

test("rows are sorted by what the view's menu says, and say the metrics of the setting", async () => {
  const runs = await workbench.openRuns();
  await checkpoint(runs, 160).waitFor();
  expect(await stepsInOrder(runs)).toEqual([40, 80, 120, 160]);
  await workbench.selectRows(checkpoint(runs, 120));
  await workbench.runCommand("Checkpoint Explorer: Sort by Evaluation Loss");
  await expect.poll(() => stepsInOrder(runs)).toEqual([160, 120, 80, 40]);
  // The row that was chosen still is.
  await runs.getByRole("treeitem", { name: /^checkpoint-120 /, selected: true }).waitFor();
  await workbench.view("Training Runs").getByText("lowest eval loss first").waitFor();
  await workbench.runCommand("Checkpoint Explorer: Sort by Evaluation Loss");
  await expect.poll(() => stepsInOrder(runs)).toEqual([40, 80, 120, 160]);
  await workbench.runCommand("Checkpoint Explorer: Sort by Step");

  const settings = join(workbench.folder, ".vscode", "settings.json");
  const before = readFileSync(settings, "utf8");
  const metrics = ["grad_norm", "learning_rate"];
  writeFileSync(
    settings,
    JSON.stringify({ ...JSON.parse(before), "checkpointExplorer.runs.metrics": metrics }),
  );
  // Logged by trainerFiles.ts as 1 + seed.
  await checkpoint(runs, 120, "grad_norm 2 · lr 1e-4").waitFor();
  writeFileSync(settings, before);
  await checkpoint(runs, 120, "loss .* · eval ").waitFor();
});

test("what a run could do without is found, named with its bytes, and deleted only after two confirmations", async () => {
  const runs = await workbench.openRuns();
  const run = runs.getByRole("treeitem", { name: /^results / });
  const dialog = workbench.page.locator(".monaco-dialog-box");
  const ask = async () => {
    await workbench.pickFromContextMenu(run, "What Can I Delete?…");
    await workbench.quickInputRow("checkpoint-40").waitFor();
    const rows = workbench.page.locator(".quick-input-list .monaco-list-row");
    // The best and the last are not offered; what the best has for resuming is, and is not chosen.
    await expect.poll(() => rows.allInnerTexts()).toHaveLength(3);
    await rows.filter({ hasText: "State for resuming in checkpoint-80" }).waitFor();
    await workbench.page.keyboard.press("Enter");
    await dialog.getByText("Delete 2 checkpoints").waitFor();
    const detail = await dialog.innerText();
    for (const step of [40, 120]) expect(detail).toContain(`results/checkpoint-${step}/ (4 files, `);
  };
  const folder = (step: number) => join(workbench.folder, "results", `checkpoint-${step}`);

  await ask();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  expect(existsSync(folder(40))).toBe(true);

  // A server has no trash: that is said, and asked again.
  await ask();
  await dialog.getByRole("button", { name: "Move to Trash" }).click();
  await dialog.getByText("Permanently delete 2 checkpoints").waitFor();
  await expect.poll(() => dialog.innerText()).toContain("This machine has no trash.");
  expect(existsSync(folder(40))).toBe(true);
  await dialog.getByRole("button", { name: "Delete Permanently" }).click();
  await checkpoint(runs, 40).waitFor({ state: "detached" });
  expect([40, 80, 120, 160].map((step) => existsSync(folder(step)))).toEqual([false, true, false, true]);
  expect(await stepsInOrder(runs)).toEqual([80, 160]);

  await workbench.pickFromContextMenu(run, "What Can I Delete?…");
  await workbench.quickInputRow("State for resuming in checkpoint-80").waitFor();
  await workbench.page.keyboard.press("Escape");
});

test("selected checkpoints are deleted with the same questions", async () => {
  const runs = await workbench.openRuns();
  for (const step of [200, 240]) writeCheckpointFolder(join(workbench.folder, "results"), { ...plan, step });
  await workbench.selectRows(checkpoint(runs, 200), checkpoint(runs, 240));
  await workbench.pickFromContextMenu(checkpoint(runs, 200), "Delete…");
  const dialog = workbench.page.locator(".monaco-dialog-box");
  await dialog.getByText("Delete 2 checkpoints").waitFor();
  await dialog.getByRole("button", { name: "Move to Trash" }).click();
  await dialog.getByRole("button", { name: "Delete Permanently" }).click();
  await checkpoint(runs, 240).waitFor({ state: "detached" });
  expect(existsSync(join(workbench.folder, "results", "checkpoint-200"))).toBe(false);
  await checkpoint(runs, 160, "last").waitFor();
});
