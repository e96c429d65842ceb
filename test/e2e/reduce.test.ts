import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { copySamplePipeline } from "../support/made/samplePipeline";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** The sample pipeline: what its stages did, and the next snapshot made from them. */

let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = join(mkdtempSync(join(tmpdir(), "reduce-")), "pipeline");
  copySamplePipeline(workspace);
  writeTuned(join(workspace, "base"), join(workspace, "tuned"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(join(workspace, ".."), { recursive: true, force: true });
});

watchWindow(() => workbench);

beforeEach(() => workbench.closeAllEditors());

/** The base model with the values of one weight in reverse order, which is a change of that layer alone. */
function writeTuned(base: string, tuned: string): void {
  cpSync(base, tuned, { recursive: true });
  const path = join(tuned, "model.safetensors");
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    bytes.toString("utf8", 8, 8 + headerBytes),
  );
  const [from, to] = header["model.layers.0.self_attn.q_proj.weight"]?.data_offsets ?? [0, 0];
  // Values in reverse order: bytes in reverse order, with each pair of them turned back.
  bytes
    .subarray(8 + headerBytes + from, 8 + headerBytes + to)
    .reverse()
    .swap16();
  writeFileSync(path, bytes);
}

interface SampleReference {
  readonly stages: Readonly<Record<string, Readonly<Record<string, { readonly singularValues: number[] }>>>>;
}

/** What rank 4 keeps of the adapter after SVD, from numpy's singular values of the dense updates. */
function keptByRank4(): number {
  const file = join(projectRoot, "test", "fixtures", "sampleReference.json");
  const reference: SampleReference = JSON.parse(readFileSync(file, "utf8"));
  const spectra = Object.values(reference.stages["01-svd"] ?? {}).map(({ singularValues }) => singularValues);
  const energy = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);
  const total = spectra.reduce((sum, values) => sum + energy(values), 0);
  return spectra.reduce((sum, values) => sum + energy(values.slice(0, 4)), 0) / total;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function page() {
  return workbench.webviewFrame();
}

test("the comparison of the three stages tells what each step did", async () => {
  const runs = await workbench.openRuns();
  const row = (name: string) => runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  await workbench.selectRows(row("01-svd"), row("02-rank-reduction"), row("checkpoint-240"));
  await workbench.pickFromContextMenu(row("02-rank-reduction"), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");
  const steps = page().getByRole("list", { name: "Stages and what happened between them" });
  const kept = keptByRank4();
  const reduction = `rank 32 → 4 kept ${percent(kept)} of the energy (error ${percent(Math.sqrt(1 - kept))})`;
  await steps.getByText(reduction).waitFor();
  await steps.getByText(/fine-tuning\s+moved the update by\s\d+\.\d\s%/).waitFor();
});

test("the LoRA tab holds the updates against the base model beside the adapter", async () => {
  await workbench.openFile("01-svd/adapter_model.safetensors");
  await page().getByRole("tab", { name: "LoRA" }).click();
  // From torch: √Σ‖ΔW‖² / √Σ‖W‖² is 0.19181.
  await page().getByText("‖ΔW‖ is 19.2 % of ‖W‖ over 14 modules of base").waitFor();
  await page()
    .getByRole("grid", { name: "LoRA modules" })
    .getByRole("row", { name: /layers\.0\.self_attn\.q_proj/ })
    .click();
  const detail = page().getByRole("region", { name: "Module details" });
  await detail.getByRole("button", { name: "Look for them" }).click();
  await detail.getByRole("table", { name: "Strongest directions of W + ΔW" }).waitFor();
});

test("reduces an adapter to rank 4 from the tree, finds the new snapshot there and compares it", async () => {
  const runs = await workbench.openRuns();
  const source = runs.getByRole("treeitem", { name: /^01-svd / });
  // Alone: of several selected rows there is no one to reduce.
  await workbench.selectRows(source);
  await workbench.pickFromContextMenu(source, "Reduce Rank of LoRA…");
  await workbench.waitForEditor("adapter_model.safetensors");
  await page().getByRole("textbox", { name: "Rank, as a number" }).fill("4");
  const totals = page().locator(".reduce-totals");
  await totals.getByText("32 → 4").waitFor();
  const kept = keptByRank4();
  await totals.getByText(percent(kept)).waitFor();
  await totals.getByText(`${percent(Math.sqrt(1 - kept))} of ‖ΔW‖`).waitFor();
  await expect
    .poll(() => page().getByRole("textbox", { name: "New folder" }).inputValue())
    .toBe("02-rank-reduction-r4");
  await page().getByRole("button", { name: "Write adapter" }).click();
  await page().getByText("The new snapshot is written and was read back.").waitFor();
  const made = join(workbench.folder, "02-rank-reduction-r4");
  expect(readdirSync(made).sort()).toEqual([
    "adapter_config.json",
    "adapter_model.safetensors",
    "checkpoint-stage.json",
  ]);
  const label = JSON.parse(readFileSync(join(made, "checkpoint-stage.json"), "utf8"));
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
  expect(label).toMatchObject({
    ...{ stage: "rank-reduction", parent: "../01-svd", createdBy: `checkpoint-explorer ${version}` },
  });
  expect(label.energyKept).toBeCloseTo(kept, 6);

  await runs.getByRole("treeitem", { name: /^02-rank-reduction-r4 .*rank-reduction/ }).waitFor();
  await page().getByRole("button", { name: "Compare with the original" }).click();
  await workbench.waitForEditor("↔");
  const heads = page().getByRole("table", { name: "Snapshots" }).getByRole("columnheader");
  await heads.nth(1).waitFor();
  await expect.poll(() => heads.nth(0).innerText()).toContain("01-svd");
  await expect.poll(() => heads.nth(1).innerText()).toContain("02-rank-reduction-r4");
  await page()
    .getByRole("list", { name: "Stages and what happened between them" })
    .getByText(`rank 32 → 4 kept ${percent(kept)} of the energy`)
    .waitFor();
});

test("what is there already is replaced only after a question", async () => {
  const runs = await workbench.openRuns();
  const tuned = runs.getByRole("treeitem", { name: /^checkpoint-240 / });
  await workbench.pickFromContextMenu(tuned, "Reduce Rank of LoRA…");
  await page().getByRole("textbox", { name: "Rank, as a number" }).fill("2");
  await page().getByRole("textbox", { name: "New folder" }).fill("02-rank-reduction-r4");
  await page().getByRole("button", { name: "Replace adapter…" }).click();
  const dialog = workbench.page.getByRole("dialog");
  await dialog.getByText("02-rank-reduction-r4 is there already. Replace it?").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page().getByRole("button", { name: "Replace adapter…" }).waitFor();
  const config = join(workbench.folder, "02-rank-reduction-r4", "adapter_config.json");
  expect(JSON.parse(readFileSync(config, "utf8")).r).toBe(4);
  // A folder that holds anything but an adapter is never replaced, whatever is answered.
  await page().getByRole("textbox", { name: "New folder" }).fill("base");
  await page().getByRole("button", { name: "Replace adapter…" }).click();
  await dialog.getByRole("button", { name: "Replace", exact: true }).click();
  await page()
    .getByRole("alert")
    .getByText(/It also holds .*, and is not replaced/)
    .waitFor();
  expect(readdirSync(join(workbench.folder, "base"))).toContain("model.safetensors");
});

test("extracts an adapter from a tuned model and its base", async () => {
  const runs = await workbench.openRuns();
  await workbench.pickFromContextMenu(
    runs.getByRole("treeitem", { name: /^tuned \d+ kB/ }),
    "Extract LoRA by SVD…",
  );
  await workbench.pickQuickInput("base");
  await workbench.pickQuickInput("Another rank…");
  await workbench.quickInput.fill("2");
  await workbench.page.keyboard.press("Enter");
  await workbench.pickQuickInput("Linear layers only");
  await expect.poll(() => workbench.quickInput.inputValue()).toBe(join(workbench.folder, "tuned-svd-r2"));
  await workbench.page.keyboard.press("Enter");
  await workbench.notifications.getByText(/Rank 2 of 1 module holds \d+\.\d % of the energy/).waitFor();
  // The new snapshot is a folder, and opens as one.
  await workbench.waitForEditor("tuned-svd-r2");
  await page().getByText("svd", { exact: true }).first().waitFor();
  await runs.getByRole("treeitem", { name: /^tuned-svd-r2 / }).waitFor();
});
