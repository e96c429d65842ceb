import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

let scratch: string;
let workbench: Workbench;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "walkthrough-"));
  const workspace = join(scratch, "empty");
  mkdirSync(workspace);
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

const walkthrough = "Get started with Checkpoint Explorer";

async function openWalkthrough(): Promise<void> {
  await workbench.runCommand("Welcome: Open Walkthrough...");
  await workbench.pickQuickInput(walkthrough);
  await workbench.page.getByRole("button", { name: /Browse a training run/ }).waitFor();
}

/** Titles of the steps that are checked off, in their order. */
async function done(): Promise<string[]> {
  await openWalkthrough();
  const steps = workbench.page.locator(".getting-started-step").filter({
    has: workbench.page.locator(".codicon.complete"),
  });
  return (await steps.locator(".step-title").allInnerTexts()).map((title) => title.trim());
}

test("Get Started leads from the sample to a comparison, and checks off what was done", async () => {
  const titles = [
    "Browse a training run",
    "Ask what a checkpoint is",
    "See how its training went",
    "Compare snapshots",
  ];
  await openWalkthrough();
  // A picture of each step ships with the extension.
  for (const title of titles) {
    // Where the step before has just been folded, the mouse would find something else.
    await workbench.page.locator(".getting-started-step").filter({ hasText: title }).dispatchEvent("click");
    const picture = workbench.page.locator(".getting-started-media img");
    await expect
      .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth))
      .toBeGreaterThan(100);
  }
  expect(await done()).toEqual([]);

  // Else the view of runs has room for five rows, and those below are hidden in part.
  await workbench.setViewExpanded(/^empty/, false);
  await workbench.runCommand("Checkpoint Explorer: Open Sample Run");
  const runs = workbench.view("Training Runs");
  await workbench.selectRows(runs.getByRole("treeitem", { name: /^checkpoint-120 / }));
  await workbench
    .webviewFrame()
    .getByRole("tab", { name: /^Overview/ })
    .waitFor();
  await expect.poll(done, { timeout: 30_000 }).toEqual(titles.slice(0, 2));

  await workbench.runCommand("Checkpoint Explorer: Open Chart of Run");
  await workbench.page.keyboard.press("Enter");
  await expect.poll(done, { timeout: 30_000 }).toEqual(titles.slice(0, 3));

  await workbench.selectRows(
    runs.getByRole("treeitem", { name: /^01-svd / }),
    runs.getByRole("treeitem", { name: /^02-rank-reduction / }),
  );
  await workbench.pickFromContextMenu(
    runs.getByRole("treeitem", { name: /^01-svd / }),
    "Compare Selected Snapshots",
  );
  await workbench.waitForEditor("↔");
  await expect.poll(done, { timeout: 30_000 }).toEqual(titles);
  await workbench.runCommand("Checkpoint Explorer: Close Sample Run");
});
