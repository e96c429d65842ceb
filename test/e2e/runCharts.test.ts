import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** Charts of several runs, and of a log by itself, in a real VS Code. */

let scratch: string;
let workbench: Workbench;

const line = (step: number, loss: number) =>
  `${JSON.stringify({ current_steps: step, total_steps: 100, loss, learning_rate: 1e-4 })}\n`;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "run-charts-"));
  const workspace = join(scratch, "sweep");
  for (const [name, factor] of [
    ["first", 1],
    ["second", 2],
  ] as const) {
    mkdirSync(join(workspace, name), { recursive: true });
    const lines = Array.from({ length: 10 }, (_, index) => line(index + 1, factor / (index + 1)));
    writeFileSync(join(workspace, name, "trainer_log.jsonl"), lines.join(""));
    writeFileSync(join(workspace, name, "hparams.yaml"), `learning_rate: ${factor}e-4\nseed: 42\n`);
  }
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);
beforeEach(() => workbench.closeAllEditors());

const page = () => workbench.webviewFrame();

test("charts the selected runs together, and does so again after a reload of the window", async () => {
  const runs = await workbench.openRuns();
  const row = (name: string) => runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  await workbench.selectRows(row("first"), row("second"));
  await workbench.pickFromContextMenu(row("second"), "Chart Selected Runs Together");
  await workbench.waitForEditor("first, second");
  const table = () => page().getByRole("grid", { name: "Runs" });
  await table()
    .getByRole("row", { name: /^first .*\b10\b.*0\.1000/ })
    .waitFor();
  await table()
    .getByRole("row", { name: /^second .*\b10\b.*0\.2000/ })
    .waitFor();
  await page()
    .getByRole("button", { name: /^Settings 1 of 2 differ/ })
    .click();
  const settings = page().getByRole("grid", { name: "Settings" });
  await settings.getByRole("row", { name: /^learning_rate 1e-4 2e-4/ }).waitFor();
  await expect.poll(() => settings.getByRole("row", { name: /^seed/ }).count()).toBe(0);
  await workbench.reload();
  await workbench.waitForEditor("first, second");
  await table()
    .getByRole("row", { name: /^second .*0\.2000/ })
    .waitFor();
});

test("opens a log by itself as a chart, which grows with the log", async () => {
  await workbench.openRuns();
  await workbench.setViewExpanded(/^sweep/, true);
  const path = join(workbench.folder, "first", "trainer_log.jsonl");
  await workbench.openFile("first/trainer_log.jsonl");
  await workbench.page.getByRole("button", { name: "Open Chart of Log" }).click();
  const loss = page().getByRole("slider", { name: "Loss by step" });
  await expect.poll(() => loss.getAttribute("aria-valuemax"), { timeout: 20_000 }).toBe("10");
  appendFileSync(path, line(11, 0.05));
  await expect.poll(() => loss.getAttribute("aria-valuemax"), { timeout: 20_000 }).toBe("11");
  await page()
    .getByText(/^last written \d+ s ago/)
    .waitFor();
});
