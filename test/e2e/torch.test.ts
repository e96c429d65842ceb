import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** PyTorch files in a real VS Code: an optimizer by the names of its parameters, and a pickle that means harm. */

let parent: string;
let workbench: Workbench;
/** What the malicious pickle would make. */
let payload: string;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "torch-"));
  const workspace = join(parent, "pipeline");
  mkdirSync(workspace);
  const sample = join(projectRoot, "media", "sample", "03-fine-tuning");
  cpSync(sample, join(workspace, "03-fine-tuning"), { recursive: true });
  payload = join(parent, "executed");
  // GLOBAL posix.system, the command, a tuple of it, REDUCE: pickle.load runs it.
  writeFileSync(join(workspace, "malicious.pkl"), `cposix\nsystem\n(S'touch ${payload}'\ntR.`);
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(parent, { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

function page() {
  return workbench.webviewFrame();
}

test("opens optimizer.pt from the Explorer and finds a parameter's exp_avg by the parameter's name", async () => {
  await workbench
    .treeItem(/^03-fine-tuning/)
    .first()
    .click();
  await workbench
    .treeItem(/^checkpoint-240/)
    .first()
    .click();
  await workbench.pickFromContextMenu(workbench.treeItem(/^optimizer\.pt/).first(), "Open Checkpoint");
  await page().getByRole("tab", { name: "Optimizer", selected: true }).waitFor();
  await page().getByText("AdamW", { exact: true }).waitFor();
  await page().getByRole("textbox", { name: "Filter parameters by name" }).fill("layers.1 q_proj lora_B");
  const row = page().getByRole("row", { name: /layers\.1\.self_attn\.q_proj\.lora_B\.weight/ });
  // step, exp_avg, exp_avg_sq: the sample was trained for 240 steps.
  await row.getByRole("button", { name: "240" }).waitFor();
  await workbench.screenshot("torch-optimizer");
  await row.getByRole("button").nth(1).click();
  await page()
    .getByRole("tab", { name: /^Tensors/, selected: true })
    .waitFor();
  const detail = page().getByRole("region", { name: "Details" });
  await detail.getByText(/^state\.\d+\.exp_avg$/).waitFor();
  await expect.poll(() => detail.innerText()).toMatch(/64 × 4|\[64, 4\]/);
});

test("opens optimizer.pt as a part of its checkpoint in Training Runs", async () => {
  const runs = await workbench.openRuns();
  const checkpoint = runs.getByRole("treeitem", { name: /^checkpoint-240 / });
  await workbench.selectRows(checkpoint);
  await page()
    .getByRole("tab", { name: /^Overview/ })
    .waitFor();
  // A click opens the weights; the parts are below.
  await checkpoint.press("ArrowRight");
  await workbench.selectRows(runs.getByRole("treeitem", { name: /optimizer\.pt/ }));
  await page().getByRole("tab", { name: "Optimizer", selected: true }).waitFor();
});

test("Health answers whether training can be resumed, from all files of the folder", async () => {
  const runs = workbench.view("Training Runs");
  await workbench.selectRows(runs.getByRole("treeitem", { name: /^checkpoint-240 / }));
  await page()
    .getByRole("tab", { name: /^Health/ })
    .click();
  await page()
    .getByText(/^Finished: step 240 of 240, .*every part is here and whole/)
    .waitFor();
  await page()
    .getByRole("row", { name: /Optimizer fits the parameters.*All 28 parameters/ })
    .waitFor();
  await workbench.screenshot("torch-resume");
});

test("a pickle that would run a command is reported, and nothing ran", async () => {
  // VS Code takes it for text: we only offer ourselves for such a file.
  await workbench.openFile("malicious.pkl");
  await workbench.runCommand("View: Reopen Editor With...");
  await workbench.pickQuickInput("Checkpoint Explorer");
  await page()
    .getByRole("tab", { name: /^Health/ })
    .click();
  await page().getByText("Nothing was executed.", { exact: true }).waitFor();
  await page()
    .getByRole("row", { name: /dangerous.*posix\.system/ })
    .waitFor();
  await workbench.screenshot("torch-malicious");
  await page()
    .getByRole("tab", { name: /^Content/ })
    .click();
  await page().getByText(`touch ${payload}`).first().waitFor();
  expect(existsSync(payload)).toBe(false);
});
