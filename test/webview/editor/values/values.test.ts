import type { Locator } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

interface OpenedValues {
  readonly opened: EditorPage;
  readonly grid: Locator;
  cell(row: number, column: number): Promise<string | undefined>;
}

async function openValues(tensor: string, options: EditorHostOptions = {}): Promise<OpenedValues> {
  const opened = await EditorPage.open({ sample: "numbers", ...options });
  editor = opened;
  await opened.showTab("Tensors");
  await selectTensor(opened, tensor);
  await opened.page.getByRole("button", { name: "Values", exact: true }).click();
  const grid = opened.page.getByRole("grid", { name: /^Values of/ });
  return {
    opened,
    grid,
    async cell(row, column) {
      const found = grid.locator(`[aria-rowindex="${row + 2}"] [aria-colindex="${column + 2}"]`);
      return (await found.count()) === 0 ? undefined : found.innerText();
    },
  };
}

async function selectTensor(opened: EditorPage, name: string): Promise<void> {
  await opened.filter().fill(name);
  await expect.poll(() => opened.column(0)).toContain(name);
  await opened.page.getByRole("treegrid").locator("[data-row]").last().click();
}

test("an embedding of 32,000 × 4,096 opens at once and is scrolled to its end", async () => {
  const { opened, grid, cell } = await openValues("embed.weight");
  await expect.poll(() => cell(0, 0)).toMatch(/^-?0\.\d{6}$/);
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("32001");
  await expect.poll(() => grid.getAttribute("aria-colcount")).toBe("4097");
  await grid.focus();
  await opened.page.keyboard.press("Control+End");
  await expect.poll(() => cell(31_999, 4095)).toMatch(/^-?\d\.\d/);
  await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  await expect.poll(() => cell(16_005, 0)).toMatch(/^-?\d\.\d/);
  await expect.poll(() => grid.locator("[role=gridcell]").count()).toBeLessThan(600);
  const blocks = (await opened.sent("values")) as { block: { rows: number; columns: number } }[];
  for (const { block } of blocks) expect(block.rows * block.columns).toBeLessThanOrEqual(1024);
  expect(blocks.length).toBeLessThan(12);
});

test("fifty million rows are more than a browser lays out, and are scrolled all the same", async () => {
  const { opened, grid, cell } = await openValues("long.vector");
  await expect.poll(() => cell(0, 0)).toBeDefined();
  await grid.hover();
  await opened.page.mouse.wheel(0, 220);
  await expect.poll(() => cell(10, 0)).toMatch(/^-?\d/);
  // A wheel moves by rows, however long the grid is.
  expect(await cell(9, 0)).toBeUndefined();
  await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect.poll(() => cell(49_999_999, 0)).toMatch(/^-?\d/);
  await opened.page.getByRole("textbox", { name: "Go to row, column" }).fill("25000000");
  await opened.page.keyboard.press("Enter");
  await expect.poll(() => cell(25_000_000, 0)).toMatch(/^-?\d/);
  await expect.poll(() => opened.page.locator(".values-active").innerText()).toContain("[25000000]");
});

test("any two of four axes are laid out, at an index of the others", async () => {
  const { opened, grid, cell } = await openValues("conv.weight");
  const { page } = opened;
  await expect.poll(() => cell(0, 0)).toBeDefined();
  await expect.poll(() => grid.getAttribute("aria-label")).toBe("Values of conv.weight [0, 0, :, :]");
  await page.getByRole("textbox", { name: "Index on axis 1, 0 to 2" }).fill("2");
  await expect.poll(() => grid.getAttribute("aria-label")).toContain("[0, 2, :, :]");
  await page.getByRole("textbox", { name: "Index on axis 0, 0 to 63" }).focus();
  await page.keyboard.press("ArrowUp");
  await expect.poll(() => grid.getAttribute("aria-label")).toContain("[1, 2, :, :]");
  await page.getByRole("button", { name: "Swap rows and columns" }).click();
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("6");
  await page.getByRole("textbox", { name: "Go to row, column" }).fill("[63, 1, 6, 4]");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".values-active").innerText()).toContain("[63, 1, 6, 4]");
  await page.getByRole("textbox", { name: "Go to row, column" }).fill("9, 9");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.getByRole("alert").innerText()).toBe("There are rows 0 to 4.");
});

test("keys move the active cell, Shift selects, and Ctrl+C copies the block with all digits", async () => {
  const { opened, grid, cell } = await openValues("ids");
  await expect.poll(() => cell(3, 2)).toBe("9007199254741004");
  await grid.focus();
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("Shift+ArrowRight");
  await opened.page.keyboard.press("Shift+ArrowDown");
  await expect.poll(() => grid.locator("[aria-selected=true]").count()).toBe(4);
  await opened.page.keyboard.press("Control+c");
  await expect
    .poll(() => opened.sent("copy"))
    .toEqual([
      {
        text: "9007199254740996\t9007199254740997\n9007199254740999\t9007199254741000",
        what: "4 values",
      },
    ]);
});

test("codes of a packed weight are shown as the values that they stand for, or as they are stored", async () => {
  const { opened, grid, cell } = await openValues("experts_blocks");
  const { page } = opened;
  await page.getByText("MXFP4, groups of 32: 4 × 64 in").waitFor();
  const choice = page.getByRole("group", { name: "Which values are shown" });
  const dequantised = choice.getByRole("button", { name: "Dequantised" });
  await expect.poll(() => dequantised.getAttribute("aria-pressed")).toBe("true");
  await expect.poll(() => cell(3, 0)).toMatch(/^-?\d/);
  await choice.getByRole("button", { name: "Stored codes" }).click();
  // [4, 2, 16] bytes, of which the last two axes are laid out.
  await expect.poll(() => grid.getAttribute("aria-colcount")).toBe("17");
  await expect.poll(() => cell(1, 0)).toMatch(/^\d{1,3}$/);
  await dequantised.click();
  await expect.poll(() => grid.getAttribute("aria-colcount")).toBe("65");
  // The row says what the codes stand for, and in what they are stored.
  const row = page.locator(".tensor-rows [role=row]", { hasText: "experts_blocks" });
  await expect.poll(() => row.innerText()).toMatch(/4 × 64\s+MXFP4 in U8/);
});

test("blocks of ggml are shown as values; there are no codes of single ones", async () => {
  const { opened, cell } = await openValues("lattice");
  await opened.page.getByText("Q4_K, blocks of 256: 2 × 256 in").waitFor();
  await expect.poll(() => cell(1, 3)).toMatch(/^-?\d/);
  await expect.poll(() => opened.page.getByRole("button", { name: "Stored codes" }).count()).toBe(0);
});

test("the format is the user's choice, and stays with the place when the page comes back", async () => {
  const { opened, grid, cell } = await openValues("broken.weight");
  const { page } = opened;
  await page.getByRole("textbox", { name: "Go to row, column" }).fill("123, 45");
  await page.keyboard.press("Enter");
  await expect.poll(() => cell(123, 45)).toBe("NaN");
  await page.getByRole("button", { name: "1e-2" }).click();
  await expect.poll(() => cell(122, 45)).toMatch(/^-?\d\.\d{5}e-\d$/);
  await opened.hideAndShow();
  await grid.waitFor();
  await expect.poll(() => cell(123, 45)).toBe("NaN");
  await expect.poll(() => page.locator(".values-active").innerText()).toContain("[123, 45] NaN");
});

test("truth values, complex numbers and scalars are shown as what they are", async () => {
  const { opened, cell } = await openValues("mask");
  await expect.poll(() => cell(0, 0)).toMatch(/^(True|False)$/);
  await selectTensor(opened, "frequencies");
  await expect.poll(() => cell(2, 0)).toBe("0+0.250000j");
  await selectTensor(opened, "step");
  await expect.poll(() => opened.page.locator(".values-active").innerText()).toMatch(/\d/);
  await selectTensor(opened, "empty");
  await opened.page.getByText("The tensor has no values").waitFor();
  await selectTensor(opened, "unheard");
  await opened.page.getByText("Values of the type Q9_X are not shown.").waitFor();
  await selectTensor(opened, "scaled");
  await opened.page.getByText("The stored integers").waitFor();
});

test("values that cannot be read say why, and come with another try", async () => {
  const { opened, cell } = await openValues("conv.weight", { failValues: 1 });
  const alert = opened.page.getByRole("alert");
  await expect.poll(() => alert.innerText()).toContain("The file ended at byte 4,096");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => cell(0, 0)).toMatch(/^-?\d/);
});

test("the details take the whole tab and give it back", async () => {
  const { opened, cell } = await openValues("embed.weight");
  await opened.page.getByRole("button", { name: "Give the details the whole tab" }).click();
  await expect.poll(() => cell(0, 12)).toBeDefined();
  await expect.poll(() => opened.page.getByRole("treegrid").count()).toBe(0);
  // One theme here: axe looks at every cell, and the colours are those of all tables.
  expect(await findAccessibilityProblems(opened.page)).toEqual([]);
  await opened.page.getByRole("button", { name: "Show the list beside the details" }).click();
  await opened.page.getByRole("treegrid").waitFor();
});
