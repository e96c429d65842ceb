import type { Locator } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { eachComparePage } from "../../compare/comparePage";
import { EditorPage } from "../../editor/editorPage";
import type { SampleName } from "../../fakeHost/editor/editorSamples";

/** The widths of an editor beside the run tree, and of one alone. */
const widths = [480, 700, 850, 1200] as const;
let editor: EditorPage | undefined;
const compare = eachComparePage();

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

/** What a reader sees of each name, and whether the page cuts it further. */
function shownNames(table: Locator): Promise<{ whole: string; shown: string; isCut: boolean }[]> {
  return table.locator("bdi[title]").evaluateAll((names) =>
    names.map((name) => ({
      whole: name.getAttribute("title") ?? "",
      shown: name.querySelector(".name-shown")?.getAttribute("data-shown") ?? name.textContent ?? "",
      isCut: name.scrollWidth > name.clientWidth + 1,
    })),
  );
}

async function expectTellingNames(table: Locator): Promise<void> {
  const names = await shownNames(table);
  expect(names.length).toBeGreaterThan(5);
  expect(new Set(names.map(({ shown }) => shown)).size).toBe(new Set(names.map(({ whole }) => whole)).size);
  expect(
    names.filter(({ isCut }) => isCut),
    `${table.page().viewportSize()?.width}`,
  ).toEqual([]);
}

async function open(sample: SampleName, tab: string): Promise<EditorPage> {
  editor = await EditorPage.open({ sample });
  await editor.showTab(tab);
  await editor.rows.waitFor();
  return editor;
}

for (const sample of ["peft7b", "kohya", "deepseek", "diffusers", "optimizerTensors"] as const) {
  test(`rows of the tensor table that differ look different: ${sample}`, async () => {
    const { page, rows } = await open(sample, "Tensors");
    await page.getByRole("button", { name: "Table" }).click();
    await page.getByRole("grid", { name: "Tensors" }).waitFor();
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      await page.waitForTimeout(100);
      await expectTellingNames(rows.locator("[data-row] > :first-child"));
    }
  });
}

for (const sample of ["peft7b", "kohya"] as const) {
  test(`rows of LoRA modules and of planned ranks that differ look different: ${sample}`, async () => {
    const { page, rows } = await open(sample, "LoRA");
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      await page.waitForTimeout(100);
      await expectTellingNames(rows.locator("[data-row] > :first-child"));
    }
    await page.getByRole("button", { name: "Reduce rank…" }).click();
    await rows.waitFor();
    for (const width of widths) {
      await page.setViewportSize({ width, height: 1000 });
      await page.waitForTimeout(100);
      await expectTellingNames(rows.locator("[data-row] > :first-child"));
    }
  });
}

for (const sample of ["optimizer", "optimizerOfUNet"] as const) {
  test(`rows of optimizer parameters that differ look different: ${sample}`, async () => {
    const { page, rows } = await open(sample, "Optimizer");
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      await page.waitForTimeout(100);
      await expectTellingNames(rows.locator("[data-row] > :nth-child(2)"));
    }
  });
}

test("modules of the composition that differ look different", async () => {
  editor = await EditorPage.open({ sample: "kohya" });
  await editor.showTab("Overview");
  const modules = editor.page.getByRole("table", { name: "Composition by module" });
  for (const width of widths) {
    await editor.page.setViewportSize({ width, height: 900 });
    await editor.page.waitForTimeout(100);
    await expectTellingNames(modules.locator("tbody"));
  }
});

test("what all names begin with is said once, above their column", async () => {
  const { page, rows } = await open("peft7b", "LoRA");
  await page.setViewportSize({ width: 850, height: 700 });
  await expect
    .poll(() => rows.getByRole("columnheader", { name: /^Module/ }).innerText())
    .toContain("base_model.model.model.layers.");
});

test("rows of compared modules that differ look different, and no number is cut", async () => {
  const page = await compare.open({ sample: "long" });
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForTimeout(100);
    const modules = page.getByRole("table", { name: "Modules" });
    await modules.locator("tbody bdi").nth(6).waitFor({ state: "attached" });
    await expectTellingNames(modules.locator("tbody .name-cell"));
    const cut = await modules
      .locator("tbody td")
      .evaluateAll((cells) =>
        cells.filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent),
      );
    expect(cut).toEqual([]);
  }
});

for (const sample of ["models", "mixtures"]) {
  test(`rows of compared tensors that differ look different beside what is said of them: ${sample}`, async () => {
    const page = await compare.open({ sample });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(100);
      const tensors = page.getByRole("table", { name: "Tensors", exact: true });
      await tensors.locator("tbody bdi").nth(6).waitFor({ state: "attached" });
      await expectTellingNames(tensors.locator("tbody .name-cell"));
    }
  });
}
