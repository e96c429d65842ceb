import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** A folder is one checkpoint: a Trainer's with its optimizer, and the files of several processes joined. */

let parent: string;
let workbench: Workbench;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "folders-"));
  const workspace = join(parent, "training");
  mkdirSync(workspace);
  const sample = join(projectRoot, "media", "sample", "03-fine-tuning");
  cpSync(sample, join(workspace, "03-fine-tuning"), { recursive: true });
  const saves = join(projectRoot, "test/fixtures/deepspeed/zero3");
  cpSync(saves, join(workspace, "zero3"), { recursive: true });
  rmSync(join(workspace, "zero3/global_step30/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"));
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

test("a Trainer's checkpoint shows the optimizer that lies beside its weights", async () => {
  const runs = await workbench.openRuns();
  await runs.getByRole("treeitem", { name: /^checkpoint-240 / }).click();
  await page().getByRole("tab", { name: "Optimizer" }).click();
  await page().getByText("AdamW", { exact: true }).waitFor();
  await page().getByRole("textbox", { name: "Filter parameters by name" }).fill("layers.1 q_proj lora_B");
  const row = page().getByRole("row", { name: /layers\.1\.self_attn\.q_proj\.lora_B\.weight/ });
  await row.getByText("240").waitFor();
  await workbench.screenshot("folder-optimizer");
  await page().getByRole("button", { name: "Open optimizer.pt" }).click();
  await workbench.waitForEditor("optimizer.pt");
});

test("a folder of DeepSpeed opens as one model, says which rank is missing, and stays after a reload", async () => {
  const runs = await workbench.openRuns();
  await runs
    .getByRole("treeitem", { name: /global_step30/ })
    .first()
    .click();
  await workbench.waitForEditor("global_step30");
  await page().getByText("DeepSpeed", { exact: false }).first().waitFor();
  await workbench.screenshot("folder-zero3");
  await page()
    .getByRole("tab", { name: /^Health/ })
    .click();
  await page()
    .getByText(/rank_1|rank 1/)
    .first()
    .waitFor();
  await page()
    .getByRole("tab", { name: /^Tensors/ })
    .click();
  await page().getByRole("treegrid").waitFor();
  await workbench.screenshot("folder-zero3-tensors");
  await workbench.reload();
  await workbench.waitForEditor("global_step30");
  await page()
    .getByRole("tab", { name: /^Tensors/ })
    .waitFor();
  expect(await page().getByText("could not be read").count()).toBe(0);
});

test("a folder that is a checkpoint opens from the Explorer's menu", async () => {
  // What the Explorer offers is what the search for runs has found.
  const runs = await workbench.openRuns();
  await runs.getByRole("treeitem", { name: /^checkpoint-240 / }).waitFor();
  await workbench.setViewExpanded("Training Runs", false);
  await workbench.setViewExpanded(/^training/, true);
  await workbench
    .treeItem(/^03-fine-tuning/)
    .first()
    .click();
  const folder = workbench.treeItem(/^checkpoint-240/).first();
  await workbench.pickFromContextMenu(folder, "Open Checkpoint");
  await workbench.waitForEditor("checkpoint-240");
  await page().getByRole("tab", { name: "Optimizer" }).waitFor();
});
