import { afterEach, expect, test } from "vitest";
import type { EditorHostOptions } from "../fakeHost/editor/editorHost";
import type { SampleName } from "../fakeHost/editor/editorSamples";
import { hostileNames } from "../fakeHost/editor/oddSamples";
import { EditorPage } from "./editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function open(options: EditorHostOptions = {}): Promise<EditorPage> {
  editor = await EditorPage.open(options);
  return editor;
}

const show = (opened: EditorPage, sample: SampleName) =>
  opened.page.evaluate((name) => window.__fakeEditor.show(name as never), sample);

test("while the file is read the page says so", async () => {
  const { page } = await open({ readyMs: 1500 });
  await expect.poll(() => page.getByRole("status").innerText()).toBe("Reading the file's directory…");
  await page.getByRole("heading", { level: 1, name: /LoRA adapter/ }).waitFor();
});

test("a file that cannot be read: what is wrong, where, and what to do", async () => {
  const opened = await open({ sample: "broken" });
  const alert = opened.page.getByRole("alert");
  const text = (await alert.innerText()).replace(/\s+/g, " ");
  expect(text).toContain("model-00003-of-00004.safetensors could not be read");
  expect(text).toContain("Run git lfs pull");
  await expect.poll(() => alert.locator("code").innerText()).toBe("git lfs pull");
  expect(text).toContain("File /data/models/broken/model-00003-of-00004.safetensors");
  // It is wrong as a whole: its first byte is no place to look at.
  expect(text).not.toContain("At byte");
  await opened.page.getByRole("button", { name: "Open as text" }).click();
  await opened.page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => opened.sent("reload")).toHaveLength(1);
  expect(await opened.sent("openAsText")).toEqual([
    { path: "/data/models/broken/model-00003-of-00004.safetensors" },
  ]);
});

test("a deleted file is said to be deleted, and nothing of it is shown; it may come back", async () => {
  const opened = await open();
  await opened.page.getByRole("tab").first().waitFor();
  await show(opened, "deleted");
  await opened.page.getByRole("heading", { name: "adapter_model.safetensors was deleted" }).waitFor();
  await expect.poll(() => opened.page.getByRole("tab").count()).toBe(0);
  await show(opened, "adapter");
  await opened.page.getByRole("heading", { name: /LoRA adapter/ }).waitFor();
});

test("a changed file is shown anew with the selection, the filter and the tab kept, and said to have changed", async () => {
  const opened = await open();
  await opened.showTab("Tensors");
  await opened.filter().fill("layers.2 v_proj lora_A");
  await opened.rows.locator("[data-row='0']").click();
  await show(opened, "adapter");
  const banner = opened.page.getByText("The file changed on disk and was read again.");
  await banner.waitFor();
  await expect.poll(() => opened.selectedName()).toContain("v_proj.lora_A.weight");
  await expect.poll(() => opened.filter().inputValue()).toBe("layers.2 v_proj lora_A");
  await opened.page.getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(() => banner.count()).toBe(0);
});

test("a reload that the user asked for is not news", async () => {
  const opened = await open({ sample: "broken" });
  await opened.page.getByRole("button", { name: "Try again" }).click();
  await expect
    .poll(() => opened.page.evaluate(() => sessionStorage.getItem("fake-host-generation")))
    .toBe("2");
  await expect.poll(() => opened.page.getByText("changed on disk").count()).toBe(0);
});

test("where the user was is where the page comes back", async () => {
  const opened = await open({ sample: "model" });
  await opened.showTab("Tensors");
  await opened.rows.focus();
  await opened.page.keyboard.press("*");
  await opened.page.keyboard.press("End");
  await opened.page.keyboard.press("Home");
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("ArrowLeft");
  await opened.page.getByRole("button", { name: "BF16 291" }).click();
  await opened.filter().fill("layers.7.");
  await opened.hideAndShow();
  await expect.poll(() => opened.page.getByRole("status").innerText()).toContain("9 of 323 tensors");
  await expect.poll(() => opened.tab("Tensors").getAttribute("aria-selected")).toBe("true");
  await expect.poll(() => opened.filter().inputValue()).toBe("layers.7.");
  await opened.page.getByRole("button", { name: "BF16 291", pressed: true }).click();
  await opened.filter().fill("");
  // Everything is open but the module that was closed.
  await expect.poll(() => opened.column(0)).toEqual(["lm_head.weight", "model"]);
});

test("the extension can ask for a tab; Health leads to the tensor concerned", async () => {
  const opened = await open({ sample: "problems" });
  await opened.page.getByRole("tab").first().waitFor();
  await opened.page.evaluate(() => window.__fakeEditor.showTab("health"));
  await opened.page.getByRole("heading", { name: "10 errors" }).waitFor();
  await opened.page.getByRole("heading", { name: "20 warnings" }).waitFor();
  const first = opened.page.getByRole("listitem").first();
  await expect.poll(() => first.innerText()).toMatch(/OverlappingTensors\s+byte 4,096/);
  await opened.page.getByRole("button", { name: "Copy all as Markdown" }).click();
  await expect.poll(() => opened.sent("copy")).toHaveLength(1);
  const [copied] = (await opened.sent("copy")) as { text: string; what: string }[];
  expect(copied?.what).toBe("40 problems");
  expect(copied?.text.split("\n")[2]).toContain("| error | OverlappingTensors |");
  await opened.page.getByRole("button", { name: "model.layers.36.weight" }).click();
  await expect.poll(() => opened.selectedName()).toContain("36");
  await expect
    .poll(() => opened.page.evaluate(() => document.activeElement?.getAttribute("role")))
    .toBe("treegrid");
});

test("hostile names, values and paths stay text in every tab", async () => {
  const opened = await open({ sample: "hostile" });
  const { page } = opened;
  await page.getByRole("tab").first().waitFor();
  const isClean = async () => {
    await expect.poll(() => page.locator("img, script:not([nonce]), b").count()).toBe(0);
    expect(await page.title()).toBe("Checkpoint Explorer");
    // Nothing that turns text around or hides in it gets into the page.
    await expect
      .poll(() => page.locator("body").innerText())
      .not.toMatch(/[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u);
  };
  await expect
    .poll(() => page.getByRole("heading", { level: 1 }).innerText())
    .toContain("<img src=x onerror=");
  await isClean();
  await opened.showTab("Health");
  await isClean();
  await opened.showTab("Tensors");
  await page.getByRole("button", { name: "Table" }).click();
  await expect.poll(() => opened.rows.locator("[data-row]").count()).toBe(hostileNames.length);
  const names = await opened.column(0);
  expect(names).toContain("<img src=x onerror=\"document.title='owned'\">");
  expect(names).toContain("layers.0.⟨U+202E⟩gnp.thgiew");
  expect(names).toContain("layers.0.two⟨newline⟩lines");
  expect(names).toContain("(empty name)");
  expect(names).toContain("__proto__");
  await isClean();
  for (let row = 0; row < hostileNames.length; row++) {
    await opened.rows.locator(`[data-row='${row}']`).click();
    await page.getByRole("region", { name: "Details" }).waitFor();
  }
  await isClean();
});

test.each(["oneTensor", "empty"] as const)("%s: nothing more is made of it than it is", async (sample) => {
  const opened = await open({ sample });
  await opened.page.getByRole("heading", { level: 1 }).waitFor();
  if (sample === "empty") return;
  await opened.showTab("Tensors");
  await expect.poll(() => opened.column(1)).toEqual(["scalar"]);
  await expect.poll(() => opened.page.getByRole("group", { name: "Filter by dtype" }).count()).toBe(0);
});
