import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

let scratch: string;
let workbench: Workbench;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "installed-"));
  const workspace = join(scratch, "project");
  mkdirSync(workspace);
  writeFileSync(join(workspace, "notes.txt"), "nothing to see\n");
  workbench = await openWindow({ workspace });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test("the packed extension is installed and listed in a real VS Code", async () => {
  await workbench.runCommand("Extensions: Show Installed Extensions");
  const row = workbench.page.locator(".extension-list-item").filter({ hasText: "Checkpoint Explorer" });
  await row.waitFor();
  await expect.poll(() => row.locator(".name").textContent()).toBe("Checkpoint Explorer");
  await workbench.screenshot("installed");
});

test("the theme follows the settings, without a restart", async () => {
  for (const theme of ["light", "highContrast", "dark"] as const) await workbench.setTheme(theme);
});

test("a file that is not ours opens as text", async () => {
  await workbench.openFile("notes.txt");
  await workbench.page.locator(".monaco-editor .view-line").filter({ hasText: "nothing to see" }).waitFor();
});

test("the window can be reloaded", async () => {
  await workbench.reload();
  await workbench.editorTab("notes.txt").waitFor();
});

test("nothing of it was reported as an error", () => {
  expect(workbench.errors).toEqual([]);
});
