import { afterEach, expect, test } from "vitest";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function openTensors(options: EditorHostOptions = {}): Promise<EditorPage> {
  editor = await EditorPage.open(options);
  await editor.showTab("Tensors");
  await editor.rows.waitFor();
  return editor;
}

test("the filter finds by words in any order and case, and says how much it found", async () => {
  const opened = await openTensors({ sample: "model" });
  const status = opened.page.getByRole("status");
  await expect.poll(() => status.innerText()).toBe("323 tensors · 6.74 B parameters · 13.5 GB");
  await opened.filter().fill("UP_proj 12");
  await expect.poll(() => status.innerText()).toBe("1 of 323 tensors · 45.1 M parameters · 90.2 MB");
  expect(await opened.column(0)).toEqual(["model.layers.12.mlp.up_proj.weight"]);
  await opened.filter().press("Escape");
  await expect.poll(() => status.innerText()).toContain("323 tensors");
});

test("a regular expression filters; a wrong one is explained and changes nothing else", async () => {
  const opened = await openTensors({ sample: "model" });
  await opened.page.getByRole("button", { name: "Use regular expression" }).click();
  await opened.filter().fill("layers\\.(3|4)\\..*norm");
  const status = opened.page.getByRole("status");
  await expect.poll(() => status.innerText()).toContain("4 of 323 tensors");
  await opened.filter().pressSequentially("(");
  await expect.poll(() => opened.page.getByRole("alert").innerText()).toContain("Unterminated group");
  await expect.poll(() => status.innerText()).toContain("4 of 323 tensors");
  await expect.poll(() => opened.filter().getAttribute("aria-invalid")).toBe("true");
});

test("dtypes filter by a click, with their counts", async () => {
  const opened = await openTensors({ sample: "model" });
  await opened.page.getByRole("button", { name: "F32 32" }).click();
  await expect.poll(() => opened.page.getByRole("status").innerText()).toContain("32 of 323 tensors");
  await opened.filter().fill("nothing is called this");
  await opened.page.getByRole("button", { name: "Clear filter" }).click();
  await expect.poll(() => opened.page.getByRole("status").innerText()).toContain("323 tensors ·");
});

test("the tree is worked from the keyboard as VS Code's explorer is", async () => {
  const opened = await openTensors({ sample: "model" });
  const { page, rows, selectedRow } = opened;
  // Open down to its numbered layers, which are too many to be opened unasked.
  expect((await opened.column(0)).slice(0, 5)).toEqual([
    "lm_head.weight",
    "model",
    "embed_tokens.weight",
    "layers",
    "0",
  ]);
  await page.getByRole("button", { name: "Collapse all" }).click();
  await expect.poll(() => opened.column(0)).toEqual(["lm_head.weight", "model"]);
  await rows.focus();
  await page.keyboard.press("End");
  await expect.poll(() => selectedRow.getAttribute("aria-expanded")).toBe("false");
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => selectedRow.getAttribute("aria-expanded")).toBe("true");
  expect(await opened.column(0)).toEqual([
    "lm_head.weight",
    "model",
    "embed_tokens.weight",
    "layers",
    "norm.weight",
  ]);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => opened.selectedName()).toContain("embed_tokens.weight");
  await expect.poll(() => selectedRow.getAttribute("aria-level")).toBe("2");
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => selectedRow.getAttribute("aria-level")).toBe("1");
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => rows.locator("[data-row]").count()).toBe(2);
  await page.keyboard.press("*");
  await page.keyboard.press("End");
  await expect.poll(() => opened.selectedName()).toContain("norm.weight");
  await page.keyboard.press("Home");
  await expect.poll(() => opened.selectedName()).toContain("lm_head.weight");
  // The focus is the table's; the row it names is the selected one.
  await expect
    .poll(() => rows.getAttribute("aria-activedescendant"))
    .toBe(await selectedRow.getAttribute("id"));
});

test("the table sorts by every column, from the mouse and from the keyboard", async () => {
  const opened = await openTensors({ sample: "model" });
  await opened.page.getByRole("button", { name: "Table" }).click();
  const header = (name: string) => opened.rows.getByRole("columnheader", { name });
  await expect.poll(() => header("Name").getAttribute("aria-sort")).toBe("ascending");
  for (const name of ["Shape", "Dtype", "Params", "First byte", "File", "Name"]) {
    await header(name).getByRole("button").click();
    await expect.poll(() => header(name).getAttribute("aria-sort")).not.toBe("none");
  }
  await header("Size").getByRole("button").click();
  await expect.poll(() => header("Size").getAttribute("aria-sort")).toBe("descending");
  expect((await opened.column(0)).slice(0, 2)).toEqual(["lm_head.weight", "model.embed_tokens.weight"]);
  await opened.page.keyboard.press("Enter");
  await expect.poll(() => header("Size").getAttribute("aria-sort")).toBe("ascending");
  expect((await opened.column(0))[0]).toBe("model.layers.0.self_attn.rotary_emb.inv_freq");
  await opened.page.keyboard.press("ArrowRight");
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("ArrowDown");
  await expect.poll(() => opened.selectedName()).toContain("inv_freq");
});

test("the detail says everything of a tensor and copies its name and Python", async () => {
  const opened = await openTensors({ sample: "model" });
  await opened.filter().fill("lm_head");
  await opened.rows.locator("[data-row='0']").click();
  const detail = opened.page.getByRole("region", { name: "Details" });
  const text = (await detail.innerText()).replace(/\s+/g, " ");
  for (const fact of [
    "Shape 32000 × 4096",
    "Dtype BF16",
    "Parameters 131,072,000",
    "Size 262 MB (262,144,000 bytes), 1.9 % of all",
    "Bytes in file 12,288 to 262,156,288",
    "File model-00002-of-00002.safetensors",
    "Module lm_head",
    "Also known as model.embed_out.weight",
  ]) {
    expect(text).toContain(fact);
  }
  await detail.getByRole("button", { name: "Copy name" }).click();
  await detail.getByRole("button", { name: "Copy Python" }).click();
  await expect
    .poll(() => opened.sent("copy"))
    .toEqual([
      { text: "lm_head.weight", what: "tensor name" },
      { text: expect.stringContaining('get_tensor("lm_head.weight")'), what: "Python snippet" },
    ]);
  await detail.getByRole("button", { name: "Close details" }).click();
  await expect
    .poll(() => opened.page.evaluate(() => document.activeElement?.getAttribute("role")))
    .toBe("treegrid");
});

test("the bar between rows and detail moves by arrow keys", async () => {
  const opened = await openTensors({ sample: "model" });
  await opened.rows.locator("[data-row='0']").click();
  const bar = opened.page.getByRole("separator");
  const before = Number(await bar.getAttribute("aria-valuenow"));
  await bar.focus();
  await opened.page.keyboard.press("ArrowLeft");
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBeGreaterThan(before);
});

test("the whole table is copied as it is filtered and sorted", async () => {
  const opened = await openTensors();
  await opened.page.getByRole("button", { name: "Table" }).click();
  await opened.filter().fill("layers.0 q_proj");
  await opened.page.getByRole("button", { name: "Copy 2 rows as CSV" }).click();
  await expect.poll(() => opened.sent("copy")).toHaveLength(1);
  const [copied] = (await opened.sent("copy")) as { text: string }[];
  expect(copied?.text.split("\r\n").slice(0, 2)).toEqual([
    "Name,Shape,Dtype,Params,Size,First byte",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight,8 × 256,F32,2048,8192,4096",
  ]);
});

test("Ctrl+F goes to the filter, Down to the rows", async () => {
  const opened = await openTensors();
  await opened.rows.focus();
  await opened.page.keyboard.press("Control+f");
  await opened.page.keyboard.type("lm_head");
  await expect.poll(() => opened.page.getByRole("status").innerText()).toContain("1 of 49");
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("ArrowDown");
  await expect.poll(() => opened.selectedName()).toContain("lm_head");
});

test("a list that stops arriving says so, keeps what came and goes on by a click", async () => {
  const opened = await openTensors({ sample: "mixture", failChunkFrom: 8192 });
  const alert = opened.page.getByRole("alert");
  await expect.poll(() => alert.innerText()).toContain("Not all tensors could be loaded");
  await expect
    .poll(() => opened.page.getByRole("status").last().innerText())
    .toContain("loading 8,192 of 89,088");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => alert.count()).toBe(0);
});
