import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { writeCheckpointFolder } from "../support/made/checkpointFolder";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** What strangers wrote, in a real VS Code: a pickle beside clean weights, and a name that would be a link. */

const named = "[x](command:workbench.action.quit)";
const asText = "[x] (command:workbench.action.quit)";

let scratch: string;
let workbench: Workbench;
/** What the pickle would make. */
let payload: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "hostile-"));
  const workspace = join(scratch, "project");
  payload = join(scratch, "executed");
  const folder = writeCheckpointFolder(join(workspace, "results"), { step: 40, maxSteps: 80, saveSteps: 40 });
  // GLOBAL posix.system, the command, a tuple of it, REDUCE: torch.load runs it.
  writeFileSync(join(folder, "optimizer.pt"), `cposix\nsystem\n(S'touch ${payload}'\ntR.`);
  for (const step of [40, 80, 120]) {
    writeCheckpointFolder(join(workspace, named), { step, maxSteps: 200, saveSteps: 40 });
  }
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

test("an optimizer that means harm is told where its checkpoint's clean weights are opened", async () => {
  const runs = await workbench.openRuns();
  const run = runs.getByRole("treeitem", { name: /^results / });
  await run.waitFor();
  await runs
    .getByRole("treeitem", { name: /^checkpoint-40 / })
    .last()
    .waitFor();
  await workbench.setViewExpanded("Training Runs", false);
  await workbench.setViewExpanded(/^project/, true);
  await workbench
    .treeItem(/^results/)
    .first()
    .click();
  await workbench
    .treeItem(/^checkpoint-40/)
    .first()
    .click();
  // The click may fold what it has just unfolded; the key only unfolds.
  await workbench.page.keyboard.press("ArrowRight");
  await workbench
    .treeItem(/^adapter_model\.safetensors/)
    .first()
    .dblclick();
  const page = workbench.webviewFrame();
  await page.getByRole("tab", { name: /^Health/ }).click();
  await page
    .getByText(/optimizer\.pt.*posix\.system/)
    .first()
    .waitFor();
  expect(existsSync(payload)).toBe(false);
});

test("a run whose name would be a command is compared and deleted, and its name stays text in each message", async () => {
  const runs = await workbench.openRuns();
  const run = runs.getByRole("treeitem", { name: /command:workbench/ });
  const checkpoint = (step: number) =>
    runs.getByRole("treeitem", { name: new RegExp(`^checkpoint-${step} .*`) }).first();
  await workbench.selectRows(checkpoint(80), checkpoint(120));
  await workbench.pickFromContextMenu(checkpoint(80), "Compare Selected Snapshots");
  await workbench.webviewFrame().getByText("checkpoint-120").first().waitFor();

  await workbench.pickFromContextMenu(run, "What Can I Delete?…");
  await workbench.quickInputRow("checkpoint-40").waitFor();
  await expect.poll(() => workbench.page.locator(".quick-input-title").innerText()).toContain(asText);
  await workbench.page.keyboard.press("Enter");
  const dialog = workbench.page.locator(".monaco-dialog-box");
  const commands = workbench.page.locator("a[href^='command:'], a[data-href^='command:']");
  for (const [question, button] of [
    ["Delete 2 checkpoints", "Move to Trash"],
    ["Permanently delete 2 checkpoints", "Delete Permanently"],
  ] as const) {
    await dialog.getByText(question).waitFor();
    await expect.poll(() => dialog.innerText()).toContain(`${asText}/checkpoint-40/`);
    await expect.poll(() => dialog.locator(commands).count()).toBe(0);
    await dialog.getByRole("button", { name: button }).click();
  }
  const message = workbench.page.locator(".notifications-toasts").getByText(/^Deleted 2 checkpoints/);
  await message.waitFor();
  await expect
    .poll(() => workbench.page.locator(".notifications-toasts a[href^='command:']").count())
    .toBe(0);
  const left = [40, 80, 120].map((step) => existsSync(join(workbench.folder, named, `checkpoint-${step}`)));
  expect(left).toEqual([false, false, true]);
  await expect.poll(() => workbench.page.locator(".monaco-workbench").count()).toBe(1);
});
