import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import { quietSettings, writeUserSettings } from "../support/vscode/vscodeServer";
import type { Workbench } from "../support/vscode/workbench";

/** A folder that the user does not trust: VS Code then starts only the extensions that say they can do with that. */

let scratch: string;
let workbench: Workbench;

beforeAll(async () => {
  // Whether folders have to be trusted is a setting of the user, so of all windows; this file has the only one.
  writeUserSettings(inject("vscodeServer").home, {
    ...quietSettings,
    "security.workspace.trust.enabled": true,
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.banner": "never",
  });
  scratch = mkdtempSync(join(tmpdir(), "restricted-"));
  const workspace = join(scratch, "downloaded");
  cpSync(join(projectRoot, "media", "sample", "03-fine-tuning"), workspace, { recursive: true });
  workbench = await openWindow({ workspace });
});

afterAll(async () => {
  await workbench?.close();
  writeUserSettings(inject("vscodeServer").home, quietSettings);
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

test("in Restricted Mode the run tree fills and a checkpoint opens", async () => {
  await workbench.page.getByRole("button", { name: /^Restricted Mode/ }).waitFor();
  await workbench.setViewExpanded(/^downloaded/, false);
  await workbench.setViewExpanded("Training Runs", true);
  const checkpoint = workbench.view("Training Runs").getByRole("treeitem", { name: /^checkpoint-240 / });
  await workbench.selectRows(checkpoint);
  const page = workbench.webviewFrame();
  await page.getByRole("tab", { name: "Tensors 28" }).click();
  await page.getByRole("treegrid", { name: "Tensors by module" }).getByRole("row").nth(1).waitFor();
  await page.getByRole("tab", { name: "LoRA" }).click();
  await page.getByRole("grid").getByRole("row").nth(1).waitFor();
  // Still so: nothing of it asked for trust.
  await expect
    .poll(() => workbench.page.getByRole("button", { name: /^Restricted Mode/ }).isVisible())
    .toBe(true);
});
