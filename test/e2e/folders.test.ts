import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../src/core/checkpoint/tensorReader";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { themeNames } from "../support/browser/themes";
import { safetensorsFile } from "../support/made/safetensorsFile";
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
  cpSync(join(projectRoot, "test/fixtures/dcp/titan"), join(workspace, "sharded", "step-20"), {
    recursive: true,
  });
  await consolidate(join(workspace, "sharded", "step-20"), join(workspace, "consolidated", "step-20"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(parent, { recursive: true, force: true });
});

watchWindow(() => workbench);

const changed = "tok_embeddings.weight";

/** The weights of a distributed checkpoint as one file, with one value of one of them changed. */
async function consolidate(folder: string, into: string): Promise<void> {
  const { tensors: all, ...checkpoint } = await openCheckpoint(nodeFiles, folder);
  const tensors = all.filter(({ name }) => !/^(?:optimizer|train_state)/.test(name));
  const reader = new TensorReader(nodeFiles, { ...checkpoint, tensors });
  const parts: Uint8Array[] = [];
  for (const tensor of tensors) {
    const bytes = await reader.read(tensor);
    if (tensor.name === changed) new DataView(bytes.buffer, bytes.byteOffset).setFloat32(0, 3, true);
    parts.push(bytes);
  }
  await reader.close();
  mkdirSync(into, { recursive: true });
  const data = new Uint8Array(Buffer.concat(parts));
  writeFileSync(join(into, "model.safetensors"), safetensorsFile({ tensors, data }));
}

beforeEach(() => workbench.closeAllEditors());

function page() {
  return workbench.webviewFrame();
}

test("a Trainer's checkpoint shows the optimizer that lies beside its weights", async () => {
  const runs = await workbench.openRuns();
  await workbench.selectRows(runs.getByRole("treeitem", { name: /^checkpoint-240 / }));
  await page().getByRole("tab", { name: "Optimizer" }).click();
  await page().getByText("AdamW", { exact: true }).waitFor();
  await page().getByRole("textbox", { name: "Filter parameters by name" }).fill("layers.1 q_proj lora_B");
  const row = page().getByRole("row", { name: /layers\.1\.self_attn\.q_proj\.lora_B\.weight/ });
  await row.getByText("240").waitFor();
  await workbench.screenshot("folder-optimizer");
  await page().getByRole("tab", { name: "Overview" }).click();
  await page()
    .getByRole("region", { name: /^scheduler\.pt/ })
    .waitFor();
  await page()
    .getByRole("region", { name: /^rng_state\.pth/ })
    .waitFor();
  for (const theme of themeNames) {
    await workbench.setTheme(theme);
    await workbench.screenshot(`folder-overview-${theme}`);
  }
  await workbench.setTheme("dark");
  await page().getByRole("tab", { name: "Content" }).click();
  await page().getByRole("combobox", { name: "File of the checkpoint" }).click();
  await page()
    .getByRole("option", { name: /^scheduler\.pt/ })
    .click();
  await page().getByText("last_epoch").first().waitFor();
  await workbench.screenshot("folder-content");
  await page().getByRole("tab", { name: "Optimizer" }).click();
  await page().getByRole("button", { name: "Open optimizer.pt" }).click();
  await workbench.waitForEditor("optimizer.pt");
});

test("a folder of DeepSpeed opens as one model, says which rank is missing, and stays after a reload", async () => {
  const runs = await workbench.openRuns();
  await workbench.selectRows(runs.getByRole("treeitem", { name: /global_step30/ }));
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
  await workbench.reload();
  await workbench.waitForEditor("global_step30");
  await page()
    .getByRole("tab", { name: /^Tensors/ })
    .waitFor();
  await expect.poll(() => page().getByText("could not be read").count()).toBe(0);
});

test.each(themeNames)("the map of ranks and the pieces of a tensor in %s", async (theme) => {
  await workbench.setTheme(theme);
  const runs = await workbench.openRuns();
  await workbench.selectRows(runs.getByRole("treeitem", { name: /global_step30/ }));
  await page()
    .getByRole("slider", { name: /^optimizer states by rank: 2 of 3 there/ })
    .waitFor();
  await workbench.screenshot(`folder-zero3-${theme}`);
  await page()
    .getByRole("tab", { name: /^Tensors/ })
    .click();
  await page().getByRole("button", { name: "Table", exact: true }).click();
  await page()
    .getByRole("row", { name: /^model\.embed\.weight/ })
    .first()
    .click();
  await page()
    .getByRole("region", { name: "Pieces" })
    .getByText("elements 22 to 43 (of rows 3 to 7): the file of rank 1 is missing.", { exact: false })
    .waitFor();
  await workbench.screenshot(`folder-zero3-tensors-${theme}`);
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

test("a distributed folder is compared with the one file that was made of it", async () => {
  const runs = await workbench.openRuns();
  const row = (run: RegExp) => runs.getByRole("treeitem", { name: run });
  const steps = row(/^step-20 /);
  await expect.poll(() => steps.count()).toBe(2);
  await workbench.selectRows(steps.nth(0), steps.nth(1));
  await workbench.pickFromContextMenu(steps.nth(0), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");
  await page()
    .getByText(/^Names, shapes and dtypes are compared\./)
    .waitFor();
  await page().getByRole("button", { name: "Compare values" }).click();
  await page()
    .getByText(/^Values compared: /)
    .waitFor();
  await expect
    .poll(() => page().getByRole("list", { name: "What changed" }).innerText())
    .toContain("1 of 5 tensors changed");
  await page()
    .getByRole("button", { name: `${changed}, changed` })
    .waitFor();
  await workbench.screenshot("folder-dcp-compared");
});
