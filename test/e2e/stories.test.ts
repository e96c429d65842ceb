import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { safetensorsFile, type TensorSpec } from "../support/made/safetensorsFile";
import { copySamplePipeline } from "../support/made/samplePipeline";
import { projectRoot } from "../support/projectRoot";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** What a user does with the sample run and with files that are not what they seem: one story, one test. */

const hostileName = '<img src=x onerror="document.title=1">';

let workspace: string;
let workbench: Workbench;

beforeAll(async () => {
  workspace = join(mkdtempSync(join(tmpdir(), "stories-")), "pipeline");
  copySamplePipeline(workspace);
  writeBroken(join(workspace, "broken"));
  writeSharded(join(workspace, "sharded"));
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(join(workspace, ".."), { recursive: true, force: true });
});

watchWindow(() => workbench);

// No story needs what another one has left open.
beforeEach(() => workbench.closeAllEditors());

function writeBroken(folder: string): void {
  mkdirSync(folder);
  const tensors = [{ name: hostileName, dtype: "F32", shape: [2, 2] }];
  writeFileSync(join(folder, "hostile.safetensors"), safetensorsFile({ tensors }));
  writeFileSync(join(folder, "cut.safetensors"), safetensorsFile({ tensors }).subarray(0, -8));
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4665a5ea\nsize 13476835328\n";
  writeFileSync(join(folder, "pointer.safetensors"), pointer);
}

function writeSharded(folder: string): void {
  mkdirSync(folder);
  const shards = [0, 1].map((layer) => ({
    file: `model-0000${layer + 1}-of-00002.safetensors`,
    tensors: ["up", "down"].map((name) => ({
      name: `model.layers.${layer}.mlp.${name}_proj.weight`,
      dtype: "BF16",
      shape: [8, 16],
    })),
  }));
  for (const { file, tensors } of shards) writeFileSync(join(folder, file), safetensorsFile({ tensors }));
  const entries = shards.flatMap(({ file, tensors }) => tensors.map(({ name }) => [name, file]));
  const index = { metadata: { total_size: 4 * 8 * 16 * 2 }, weight_map: Object.fromEntries(entries) };
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
}

function page() {
  return workbench.webviewFrame();
}

/** The files, with the Training Runs view folded away. */
async function openFiles(): Promise<Locator> {
  await workbench.setViewExpanded("Training Runs", false);
  await workbench.setViewExpanded(/^pipeline/, true);
  return workbench.view(/^pipeline/);
}

/** The Training Runs view, with the files folded away: it is then high enough for all its rows. */
function tab(name: RegExp): Locator {
  return page().getByRole("tab", { name });
}

test("opens a checkpoint from the Explorer and finds a tensor by filter", async () => {
  const files = await openFiles();
  await files.getByRole("treeitem", { name: "02-rank-reduction" }).click();
  await files.getByRole("treeitem", { name: "adapter_model.safetensors" }).click();
  await tab(/^Tensors/).click();
  await page().getByRole("textbox", { name: "Filter tensors by name" }).fill("layers.1 q_proj lora_A");
  await page()
    .getByRole("status")
    .filter({ hasText: /^1 of 28 tensors/ })
    .waitFor();
  await page()
    .getByRole("treegrid", { name: "Tensors by module" })
    .getByRole("row", { name: /lora_A\.weight/ })
    .click();
  const detail = page().getByRole("region", { name: "Details" });
  const name = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
  await detail.getByText(name, { exact: true }).waitFor();
  // Rank 4, of 64 inputs, from makeSample.py.
  await detail.getByText("4 × 64", { exact: true }).waitFor();
});

test("opens the chart of a run and reads a loss from its table", async () => {
  const runs = await workbench.openRuns();
  await workbench.pickFromContextMenu(runs.getByRole("treeitem", { name: /^pipeline/ }), "Open Chart of Run");
  await page().getByRole("button", { name: "Table", exact: true }).click();
  const table = page().getByRole("grid", { name: "Training log" });
  await page().getByRole("textbox", { name: "Go to step" }).fill("240");
  // trainer_state.json of checkpoint-240 logs a loss of 1.2494 at step 240.
  await table.getByRole("row", { name: /^240 .*\b1\.24940\b/, selected: true }).waitFor();
});

interface SampleReference {
  readonly stages: Readonly<Record<string, Readonly<Record<string, { readonly frobenius: number }>>>>;
}

/** The numbers of a module in a comparison, by what their column is called. */
async function moduleNumbers(module: string): Promise<Map<string, number>> {
  const table = page().getByRole("table", { name: "Modules" });
  const titles = table.locator("thead tr").nth(1).getByRole("button");
  const cells = table.getByRole("row").filter({ has: page().getByRole("button", { name: module }) });
  await cells.waitFor();
  const names = await titles.evaluateAll((buttons) => buttons.map((each) => each.getAttribute("aria-label")));
  const texts = await cells.locator("td").allInnerTexts();
  return new Map(names.map((name, at) => [name ?? "", Number.parseFloat(texts[at] ?? "")]));
}

test("selects three stages in the run tree and compares them", async () => {
  const runs = await workbench.openRuns();
  const row = (name: string) => runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  await workbench.selectRows(row("01-svd"), row("02-rank-reduction"), row("checkpoint-240"));
  await workbench.pickFromContextMenu(row("02-rank-reduction"), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");

  const heads = page().getByRole("table", { name: "Snapshots" }).getByRole("columnheader");
  await heads.nth(2).waitFor();
  const track = page().getByRole("list", { name: "Stages and what happened between them" });
  const [svd, reduction, reduced, training, tuned] = await track.getByRole("listitem").allInnerTexts();
  expect([svd, reduced, tuned]).toEqual([
    expect.stringContaining("svd"),
    expect.stringContaining("rank-reduction"),
    expect.stringContaining("fine-tuning"),
  ]);
  expect(reduction).toMatch(/rank\s\d+\s→ \d+ kept [\d.]+\s% of the energy \(error [\d.]+\s%\)/);
  expect(training).toMatch(/fine-tuning moved the update by [\d.]+\s%/);
  await page().locator(".cell-picture").nth(2).waitFor();

  // From numpy, with dense matrices.
  const file = join(projectRoot, "test", "fixtures", "sampleReference.json");
  const reference: SampleReference = JSON.parse(readFileSync(file, "utf8"));
  const folders = { "01-svd": "01-svd", "02-rank-reduction": "02-rank-reduction" };
  for (const module of ["self_attn.q_proj", "mlp.down_proj"].map((each) => `model.layers.0.${each}`)) {
    const numbers = await moduleNumbers(module);
    for (const [label, folder] of Object.entries({
      ...folders,
      "checkpoint-240": "03-fine-tuning/checkpoint-240",
    })) {
      const expected = reference.stages[folder]?.[module]?.frobenius ?? Number.NaN;
      expect(numbers.get(`‖ΔW‖ in ${label}`), `${module} in ${label}`).toBeCloseTo(expected, 3);
    }
  }
});

describe("files that are not what they seem", () => {
  test("a Git LFS pointer is named, with the size of the real file", async () => {
    await workbench.openFile("broken/pointer.safetensors");
    const alert = page().getByRole("alert");
    await alert.getByText("Git LFS pointer").waitFor();
    await expect.poll(() => alert.innerText()).toContain("13.5 GB");
  });

  test("a cut file says so and shows what is there", async () => {
    await workbench.openFile("broken/cut.safetensors");
    await tab(/^Health/).click();
    await page()
      .getByText(/The file is cut/)
      .first()
      .waitFor();
    await tab(/^Tensors/).click();
    await page().getByRole("row", { name: hostileName }).waitFor();
  });

  test("a tensor's name is text, whatever it is", async () => {
    await workbench.openFile("broken/hostile.safetensors");
    await tab(/^Tensors/).click();
    await page().getByRole("row", { name: hostileName }).click();
    await page().getByRole("region", { name: "Details" }).getByText(hostileName, { exact: true }).waitFor();
    await expect.poll(() => page().locator("img").count()).toBe(0);
    expect(
      await page()
        .locator("html")
        .evaluate(() => document.title),
    ).toBe("Checkpoint Explorer");
  });
});

test("the stage that the user sets is kept and shown in the tree", async () => {
  const runs = await workbench.openRuns();
  const row = runs.getByRole("treeitem", { name: /^checkpoint-60 / });
  // The menu is of the row it was opened on, not of the rows that are selected.
  await workbench.selectRows(
    runs.getByRole("treeitem", { name: /^checkpoint-180 / }),
    runs.getByRole("treeitem", { name: /^checkpoint-240 / }),
  );
  await workbench.pickFromContextMenu(row, "Set Stage…");
  await workbench.pickQuickInput("merged");
  await workbench.pickQuickInput("Keep in this workspace");
  const labelled = runs.getByRole("treeitem", { name: /^checkpoint-60 .*· merged ·/ });
  await labelled.waitFor();
  await runs.getByRole("treeitem", { name: /^checkpoint-240 .*· fine-tuning \(inferred\) ·/ }).waitFor();
  await workbench.selectRows(labelled);
  await page()
    .getByRole("button", { name: /^Stage: merged/ })
    .waitFor();
  await workbench.reload();
  await labelled.waitFor();
});

test("a file that changes on disk is read again, where the user was, and one that goes is gone", async () => {
  const folder = join(workbench.folder, "changing");
  const path = join(folder, "model.safetensors");
  const write = (rows: number) => {
    const tensors = [0, 1].flatMap((layer): TensorSpec[] =>
      ["up", "down"].map((name) => ({
        name: `layers.${layer}.${name}.weight`,
        dtype: "F16",
        shape: [rows, 3],
      })),
    );
    // As a training writes it: under another name first.
    writeFileSync(`${path}.tmp`, safetensorsFile({ tensors }));
    renameSync(`${path}.tmp`, path);
  };
  mkdirSync(folder);
  write(2);
  await workbench.openFile("changing/model.safetensors");
  await tab(/^Tensors/).click();
  const rows = page().getByRole("treegrid", { name: "Tensors by module" });
  const detail = page().getByRole("region", { name: "Details" });
  const expectPlace = async (shape: string) => {
    await detail.getByText("layers.1.up.weight", { exact: true }).waitFor();
    await detail.getByText(shape, { exact: true }).waitFor();
    await rows.getByRole("row", { name: /^up\.weight/, selected: true }).waitFor();
    await rows.getByRole("row", { name: /^1 /, expanded: true }).waitFor();
    await rows.getByRole("row", { name: /^0 /, expanded: false }).waitFor();
  };
  await rows.getByRole("row", { name: /^1 / }).click();
  await rows.getByRole("row", { name: /^up\.weight/ }).click();
  await expectPlace("2 × 3");

  write(5);
  await page().getByText("The file changed on disk and was read again.").waitFor();
  await expectPlace("5 × 3");

  rmSync(path);
  await page().getByRole("heading", { name: "model.safetensors was deleted" }).waitFor();

  write(7);
  await expectPlace("7 × 3");
});

test("a reload of the window keeps what was open", async () => {
  const runs = await workbench.openRuns();
  const row = (name: string) => runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  await workbench.pickFromContextMenu(row("pipeline"), "Open Chart of Run");
  await page().getByRole("button", { name: "Table", exact: true }).click();
  const table = page().getByRole("grid", { name: "Training log" });
  await table.waitFor();

  await workbench.selectRows(row("01-svd"), row("checkpoint-120"), row("checkpoint-240"));
  await workbench.pickFromContextMenu(row("01-svd"), "Compare Selected Snapshots");
  await workbench.waitForEditor("↔");
  const heads = page().getByRole("table", { name: "Snapshots" }).getByRole("columnheader");
  await heads.nth(2).waitFor();

  await workbench.openFile("02-rank-reduction/adapter_model.safetensors");
  await tab(/^LoRA/).click();
  const lora = page().getByRole("tab", { name: /^LoRA/, selected: true });
  await lora.waitFor();

  await workbench.reload();
  await lora.waitFor();
  await workbench.editorTab("↔").click();
  await heads.nth(2).waitFor();
  const labels = ["01-svd", "checkpoint-120", "checkpoint-240"];
  for (const [at, label] of labels.entries())
    await expect.poll(() => heads.nth(at).innerText()).toContain(label);
  await workbench.editorTab("pipeline").click();
  await table.waitFor();
});

test("a sharded model opens whole, through its index or from one of its shards", async () => {
  const files = await openFiles();
  await files.getByRole("treeitem", { name: "sharded" }).click();
  const index = files.getByRole("treeitem", { name: "model.safetensors.index.json" });
  await workbench.pickFromContextMenu(index, "Open With...");
  await workbench.pickQuickInput("Checkpoint Explorer");
  await workbench.waitForEditor("model.safetensors.index.json");
  await page().getByRole("tab", { name: "Tensors 4" }).waitFor();

  const shard = "model-00002-of-00002.safetensors";
  await workbench.openFile(`sharded/${shard}`);
  await page().getByRole("tab", { name: "Tensors 2" }).waitFor();
  await page().getByRole("button", { name: "Open the whole model" }).click();
  await workbench.waitForEditor("model.safetensors.index.json");
  await page().getByRole("tab", { name: "Tensors 4" }).waitFor();
});

test("a tensor is found and its name copied from the keyboard alone", async () => {
  const { keyboard } = workbench.page;
  await workbench.typeQuickInput("ControlOrMeta+P", "01-svd/adapter_model.safetensors");
  const chosen = workbench.page.locator(".quick-input-list .monaco-list-row.focused");
  await workbench.quickInputRow("adapter_model.safetensors", "01-svd").and(chosen).waitFor();
  await keyboard.press("Enter");
  const focused = page().locator(":focus");
  await tab(/^Overview/).waitFor();
  const overview = page()
    .getByRole("tab", { name: /^Overview/ })
    .and(focused);
  for (let press = 0; press < 10 && !(await overview.isVisible()); press += 1) await keyboard.press("Tab");
  await keyboard.press("ArrowRight");
  await page()
    .getByRole("tab", { name: /^Tensors/, selected: true })
    .waitFor();
  await page().getByRole("textbox", { name: "Filter tensors by name" }).waitFor();
  await keyboard.press("Tab");
  await keyboard.type("layers.1 q_proj lora_A");
  await page()
    .getByRole("status")
    .filter({ hasText: /^1 of 28 tensors/ })
    .waitFor();
  await keyboard.press("ArrowDown");
  const tensor = page().getByRole("row", { name: /lora_A\.weight/, selected: true });
  for (let press = 0; press < 5 && !(await tensor.isVisible()); press += 1) await keyboard.press("ArrowDown");
  await keyboard.press("ControlOrMeta+C");
  await expect
    .poll(() => workbench.readClipboard(), { timeout: 10_000 })
    .toBe("base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight");
});
