import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

let scratch: string;
let workbench: Workbench;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sample-"));
  const workspace = join(scratch, "empty");
  mkdirSync(workspace);
  workbench = await openWindow({ workspace });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

test("an empty folder says what to do, and the sample run shows a tree to look at", async () => {
  await workbench.setViewExpanded(/^empty/, false);
  await workbench.setViewExpanded("Training Runs", true);
  const runs = workbench.view("Training Runs");
  await runs.getByText("No checkpoints were found in this folder").waitFor();
  await workbench.runCommand("Checkpoint Explorer: Open Sample Run");
  for (const name of [/^01-svd .*svd/, /^02-rank-reduction .*rank-reduction/, /^checkpoint-120 .*best/]) {
    await runs.getByRole("treeitem", { name }).waitFor();
  }
  await workbench.selectRows(runs.getByRole("treeitem", { name: /^checkpoint-120 / }));
  await workbench.webviewFrame().getByRole("tab", { name: "Training" }).waitFor();
  // The sample is a copy in the extension's own storage: the user's folder stays as it is.
  expect(readdirSync(workbench.folder)).toEqual([".vscode"]);
  // It is remembered for every window, so later tests must not find it.
  await workbench.runCommand("Checkpoint Explorer: Close Sample Run");
  await runs.getByText("No checkpoints were found in this folder").waitFor();
});
