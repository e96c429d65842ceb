import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { copySamplePipeline } from "../support/made/samplePipeline";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** New models from the sample pipeline: merged, saved in another format, averaged; and what is left of a stopped one. */

let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = join(mkdtempSync(join(tmpdir(), "make-")), "pipeline");
  copySamplePipeline(workspace);
  cpSync(join(projectRoot, "test", "fixtures", "torch", "module.pt"), join(workspace, "old.pt"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(join(workspace, ".."), { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

function page() {
  return workbench.webviewFrame();
}

/** The base model with one more weight of zeros, so large that its writing can be stopped; hardly any of it on disk. */
function writeLarge(base: string, large: string): void {
  cpSync(base, large, { recursive: true });
  const path = join(large, "model.safetensors");
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes));
  const data = bytes.subarray(8 + headerBytes);
  const side = 20_000;
  const extra = 4 * side * side;
  header["zeros.weight"] = {
    ...{ dtype: "F32", shape: [side, side] },
    data_offsets: [data.length, data.length + extra],
  };
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([size, text, data]));
  truncateSync(path, 8 + text.length + data.length + extra);
}

const written = "The new snapshot is written and was read back.";

test("merges the fine-tuned adapter into its base from the tree, shows it below its parents, and compares it", async () => {
  const runs = await workbench.openRuns();
  const tuned = runs.getByRole("treeitem", { name: /^checkpoint-240 / });
  await workbench.selectRows(tuned);
  await workbench.pickFromContextMenu(tuned, "Merge into Base…");
  await workbench.waitForEditor("Merge into Base");
  await page().getByText("14 modules change 14 weights").waitFor();
  await page().getByText("training cannot be resumed").waitFor({ state: "detached" });
  await expect.poll(() => page().getByRole("textbox", { name: "New folder" }).inputValue()).toBe("04-merged");
  expect(readdirSync(workbench.folder)).not.toContain("04-merged");
  await page().getByRole("button", { name: "Merge", exact: true }).click();
  await page().getByText(written).waitFor();
  const made = join(workbench.folder, "04-merged");
  expect(readdirSync(made).sort()).toEqual(["checkpoint-stage.json", "config.json", "model.safetensors"]);
  const stage = JSON.parse(readFileSync(join(made, "checkpoint-stage.json"), "utf8"));
  expect(stage).toMatchObject({ parent: "../03-fine-tuning/checkpoint-240", base: "../base" });
  expect(Object.keys(stage.modules)).toHaveLength(14);

  // Below what it was made from, in the run of both, and chosen.
  const row = runs.getByRole("treeitem", { name: /^04-merged .*merged/ });
  await row.and(workbench.page.locator("[aria-selected='true']")).waitFor();
  const below = async (name: RegExp) => (await runs.getByRole("treeitem", { name }).boundingBox())?.y ?? 0;
  expect(await below(/^04-merged /)).toBeGreaterThan(await below(/^checkpoint-240 /));
  expect(await below(/^04-merged /)).toBeGreaterThan(await below(/^base /));

  await page().getByRole("button", { name: "Open report" }).click();
  await workbench.waitForEditor("04-merged report.md");
  await workbench.editorTab("Merge into Base").click();
  await page().getByRole("button", { name: "Compare with the base" }).click();
  await workbench.waitForEditor("base ↔ 04-merged");
  await page().getByRole("table", { name: "Snapshots" }).getByRole("columnheader").nth(1).waitFor();

  // It has two parents: the lineage stands where the track of stages was.
  const lineage = page().getByRole("region", { name: "Lineage" });
  await lineage.getByText(/from checkpoint-240: merged; rounding took at most/).waitFor();
  await workbench.pickFromContextMenu(runs.getByRole("treeitem", { name: /^pipeline step/ }), "Show Lineage");
  await workbench.waitForEditor("Lineage of pipeline");
  await lineage.getByText("from 02-rank-reduction (inferred from the stages)").waitFor();
  await lineage.getByRole("button", { name: "Compare 04-merged with checkpoint-240" }).waitFor();
});

test("saves a PyTorch file as safetensors from the explorer's menu", async () => {
  await workbench.setViewExpanded(/^pipeline/, true);
  await workbench.pickFromContextMenu(workbench.treeItem(/^old\.pt/), "Save as Safetensors…");
  await workbench.waitForEditor("Save as Safetensors");
  await page().getByText("A single file has neither configuration nor stage beside it").waitFor();
  await expect
    .poll(() => page().getByRole("textbox", { name: "New file" }).inputValue())
    .toBe("old.safetensors");
  await page().getByRole("button", { name: "Save", exact: true }).click();
  await page().getByText(written).waitFor();
  await page().getByText("none: every value is what it was").waitFor();
  await page().getByRole("button", { name: "Open it" }).click();
  await workbench.waitForEditor("old.safetensors");
});

test("averages two selected checkpoints, and tells how far each lies from the mean", async () => {
  const runs = await workbench.openRuns();
  const row = (name: string) => runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  await workbench.selectRows(row("checkpoint-180"), row("checkpoint-240"));
  await workbench.pickFromContextMenu(row("checkpoint-240"), "Average Checkpoints…");
  await workbench.waitForEditor("Average Checkpoints");
  await page().getByText("is not the mean of B · A").waitFor();
  await page().getByRole("button", { name: "Average", exact: true }).click();
  await page().getByText(written).waitFor();
  await page()
    .getByRole("table")
    .getByRole("row", { name: /^checkpoint-180 50\.0 %/ })
    .waitFor();
  await runs.getByRole("treeitem", { name: /^04-averaged-2 / }).waitFor();
});

test("nothing is left of a merge that is stopped", async () => {
  writeLarge(join(workspace, "base"), join(workbench.folder, "large"));
  const runs = await workbench.openRuns();
  const tuned = runs.getByRole("treeitem", { name: /^checkpoint-240 / });
  // The rows stand still once the new folder is among them.
  await runs
    .getByRole("treeitem", { name: /^large / })
    .first()
    .waitFor();
  // Alone: several selected adapters would be merged together.
  await workbench.selectRows(tuned);
  await workbench.pickFromContextMenu(tuned, "Merge into Base…");
  await workbench.waitForEditor("Merge into Base");
  await page().getByText("14 modules change 14 weights").waitFor();
  await page().getByRole("button", { name: "Change…" }).click();
  // The list shows a window of its rows.
  await workbench.quickInput.fill("large");
  await workbench.pickQuickInput("large");
  await page().getByText("1.60 GB", { exact: true }).first().waitFor();
  await page().getByRole("textbox", { name: "New folder" }).fill("stopped");
  await page().getByRole("button", { name: "Merge", exact: true }).click();
  await page().getByRole("button", { name: "Cancel" }).click();
  await page().getByText("It was stopped. Nothing was written.").waitFor();
  // The thread that writes clears up a moment after the page knows.
  const left = () => readdirSync(workbench.folder).filter((name) => name.startsWith("stopped"));
  await expect.poll(left).toEqual([]);
});
