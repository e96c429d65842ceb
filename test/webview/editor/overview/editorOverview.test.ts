import { afterEach, expect, test } from "vitest";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function open(options: EditorHostOptions = {}) {
  editor = await EditorPage.open(options);
  return editor;
}

test("one line answers what the file is, the next which file it is", async () => {
  const { page } = await open();
  const headline = page.getByRole("heading", { level: 1 });
  await expect.poll(() => headline.innerText()).toMatch(/^LoRA adapter/);
  await expect.poll(() => headline.innerText()).toContain("rank 8");
  await page.getByTitle("adapter_model.safetensors", { exact: true }).first().waitFor();
  await page.getByTitle("/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-300").waitFor();
});

test.each([
  ["adapter", ["Overview", "Tensors49", "Training", "LoRA", "Health1"]],
  ["model", ["Overview", "Tensors323", "Health"]],
  ["empty", ["Overview", "Health1"]],
  ["problems", ["Overview", "Tensors40", "Health30"]],
] as const)("%s: only tabs that have something to say", async (sample, tabs) => {
  const { page } = await open({ sample });
  await expect.poll(() => page.getByRole("tab").allTextContents()).toEqual(tabs);
});

test("what is wrong is told where people look first, the worst of it in words; notes are not counted", async () => {
  const opened = await open({ sample: "problems" });
  const problems = opened.page.getByRole("region", { name: "Problems" });
  await expect.poll(() => problems.getByLabel("error").count()).toBe(2);
  await opened.page.getByRole("button", { name: "30 problems" }).waitFor();
  await problems.getByRole("button", { name: "All 30" }).click();
  await expect.poll(() => opened.tab("Health").getAttribute("aria-selected")).toBe("true");
});

test("parts: what is there, what is missing and what follows", async () => {
  const opened = await open();
  const { page } = opened;
  const parts = page.getByRole("region", { name: "Parts" });
  // The answer of Health takes the place of what the names alone promise.
  await parts.getByText("Can I resume?").waitFor();
  await expect.poll(() => parts.innerText()).toContain("In part: without the random state dropout");
  const items = parts.getByRole("listitem");
  await expect.poll(() => items.filter({ hasText: "optimizer state" }).getByLabel("Present").count()).toBe(1);
  const missing = items.filter({ hasText: "random state" });
  await expect.poll(() => missing.getByLabel("Missing").count()).toBe(1);
  await expect.poll(() => missing.innerText()).toContain("data order and dropout will differ");
  await parts.getByRole("button", { name: "optimizer.pt" }).click();
  await expect
    .poll(() => opened.sent("open"))
    .toEqual([{ path: "/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-300/optimizer.pt" }]);
  await parts.getByRole("button", { name: "Why" }).click();
  await expect.poll(() => opened.tab("Health").getAttribute("aria-selected")).toBe("true");
});

test("where an error is found nothing is promised of resuming, whatever the names of the files say", async () => {
  const opened = await open({ sample: "optimizer" });
  await opened.showTab("Overview");
  const parts = opened.page.getByRole("region", { name: "Parts" });
  await parts.getByText("Training may not resume.").waitFor();
  await expect.poll(() => parts.innerText()).not.toContain("can be resumed");
  await parts.getByRole("button", { name: "1 error" }).click();
  await expect.poll(() => opened.tab("Health").getAttribute("aria-selected")).toBe("true");
});

test("Health says of a model in which nothing was found what was looked at, and offers the scan", async () => {
  const opened = await open({ sample: "model" });
  await opened.showTab("Health");
  await opened.page.getByText("No fault was found.").waitFor();
  await opened.page.getByText("of the values a few. Only a scan reads all of them.").waitFor();
  await opened.page.getByRole("button", { name: "Scan values" }).click();
  await expect.poll(() => opened.sent("startScan")).toHaveLength(1);
});

test("composition: every bar has its numbers, and a module leads to its tensors", async () => {
  const opened = await open({ sample: "model" });
  const dtypes = opened.page.getByRole("table", { name: "Composition by dtype" });
  await expect
    .poll(() => dtypes.getByRole("row", { name: /BF16/ }).innerText())
    .toMatch(/100 %\s+13\.5 GB\s+6\.74 B\s+291/);
  const modules = opened.page.getByRole("table", { name: "Composition by module" });
  await modules.getByRole("button", { name: "model.layers.9" }).click();
  await expect.poll(() => opened.tab("Tensors").getAttribute("aria-selected")).toBe("true");
  await expect.poll(() => opened.selectedName()).toContain("9");
  const detail = opened.page.getByRole("region", { name: "Details" });
  await expect.poll(() => detail.innerText()).toContain("model.layers.9");
});

test("what is in a hand-written file, how far it came, and its history as a chart", async () => {
  const opened = await open({ sample: "handWritten" });
  const { page } = opened;
  const parts = page.getByRole("table", { name: "In the file" });
  expect((await parts.getByRole("row").allInnerTexts()).map((row) => row.replace(/\s+/g, " "))).toEqual([
    "generator model, 33,024 parameters in 3 tensors",
    "opt.g Adam, state of 3 parameters of generator",
    "g_losses history, 450 values",
  ]);
  const progress = page.getByRole("region", { name: "Training progress" });
  const facts = (await progress.innerText()).replace(/\s+/g, " ");
  // The file itself states no step: what its optimizer counted is called so.
  expect(facts).toContain("Optimizer step 1,200 Epoch 7 of 90 Episode 40 Loss 0.7310");
  expect(facts).toContain("Best acc1 76.50 higher is better val_acc 75.25");
  await opened.showTab("Training");
  await page.locator("canvas").first().waitFor();
});

test("progress, adapter, configuration and metadata", async () => {
  const { page } = await open();
  const progress = page.getByRole("region", { name: "Training progress" });
  await expect.poll(() => progress.innerText()).toMatch(/Step\s+300 of 400\s+Epoch\s+2\.4\s+Loss\s+1\.837/);
  const adapter = page.getByRole("table", { name: "Adapter" });
  await expect.poll(() => adapter.innerText()).toContain("tiny-decoder/base");
  const fit = adapter.getByRole("row", { name: /Fits its base/ });
  await fit.getByLabel("Yes").waitFor();
  await expect.poll(() => fit.innerText()).toContain("All 24 modules are in the base");
  const config = page.getByRole("button", { name: /adapter_config\.json/ });
  await expect.poll(() => config.getAttribute("aria-expanded")).toBe("false");
  await config.click();
  await page.getByRole("textbox", { name: "Search adapter_config.json" }).fill("ALPHA");
  const rows = page.getByRole("table", { name: "adapter_config.json" }).getByRole("row");
  await expect.poll(() => rows.allInnerTexts()).toEqual([expect.stringMatching(/lora_alpha\s+16/)]);
});

test("what was folded or opened is so again when the page comes back", async () => {
  const opened = await open();
  const config = opened.page.getByRole("button", { name: /adapter_config\.json/ });
  const metadata = opened.page.getByRole("button", { name: /Metadata/ });
  await config.click();
  await metadata.click();
  await opened.hideAndShow();
  await expect.poll(() => config.getAttribute("aria-expanded")).toBe("true");
  await expect.poll(() => metadata.getAttribute("aria-expanded")).toBe("false");
});

test("a stage that was inferred says so and why; a click sets it", async () => {
  const opened = await open();
  const stage = opened.page.getByRole("button", { name: /Stage: fine-tuning inferred/ });
  await expect
    .poll(() => stage.getAttribute("title"))
    .toContain("Inferred: the folder is called 03-fine-tuning");
  await stage.click();
  await expect.poll(() => opened.sent("setStage")).toHaveLength(1);
  await opened.page.getByRole("button", { name: "Compare…" }).click();
  await expect.poll(() => opened.sent("compare")).toHaveLength(1);
});

test("a shard offers the whole model and does not open it by itself", async () => {
  const opened = await open({ sample: "shard" });
  await opened.page.getByText("This is shard 2 of 2 of a model.").waitFor();
  expect(await opened.sent("open")).toEqual([]);
  await opened.page.getByRole("button", { name: "Open the whole model" }).click();
  await expect
    .poll(() => opened.sent("open"))
    .toEqual([{ path: "/data/models/llama-7b/model.safetensors.index.json" }]);
});

test("of 163 shards the missing one comes first", async () => {
  const { page } = await open({ sample: "mixture" });
  const files = page.getByRole("table", { name: "Files" }).getByRole("row");
  await page.getByRole("row", { name: /^model-00078-of-000163\.safetensors missing/ }).waitFor();
  await expect.poll(() => files.first().innerText()).toContain("missing");
  await expect.poll(() => files.count()).toBe(12);
  await page.getByRole("button", { name: "Show all 163 files" }).click();
  await expect.poll(() => files.count()).toBe(163);
});
