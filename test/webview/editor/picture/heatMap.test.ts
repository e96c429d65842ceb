import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import { themeNames } from "../../../support/browser/themes";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function openPicture(tensor: string): Promise<EditorPage> {
  editor = await EditorPage.open({ sample: "numbers" });
  editor.page.setDefaultTimeout(15_000);
  await editor.showTab("Tensors");
  await editor.filter().fill(tensor);
  await expect.poll(() => editor?.column(0)).toContain(tensor);
  await editor.rows.locator("[data-row]").last().click();
  await editor.page.getByRole("button", { name: "Heat map" }).click();
  return editor;
}

test("a picture is drawn, read from the keyboard, zoomed, and leads to the values under it", async () => {
  const { page, ...opened } = await openPicture("broken.weight");
  const picture = page.getByRole("slider", { name: /^Picture of broken\.weight \[:, :\]/ });
  await picture.focus();
  await expect.poll(() => picture.getAttribute("aria-valuemax")).toBe(String(256 * 100 - 1));
  await page.keyboard.press("Control+End");
  await expect.poll(() => picture.getAttribute("aria-valuetext")).toMatch(/^row 255, column 99: mean /);
  await page.keyboard.press("Shift+PageUp");
  await page.keyboard.press("Shift+Home");
  await expect
    .poll(() => page.getByRole("status").last().innerText())
    .toContain("rows 223 to 255, columns 0 to 99");
  await page.getByRole("button", { name: "Zoom to block" }).click();
  await expect.poll(() => picture.getAttribute("aria-valuemax")).toBe(String(33 * 100 - 1));
  await page.getByRole("button", { name: "Whole slice" }).click();
  await expect.poll(() => picture.getAttribute("aria-valuemax")).toBe(String(256 * 100 - 1));
  // The planted NaN has the colour of what is not finite, and of nothing else.
  const [red, green, blue] = await page
    .locator("canvas")
    .evaluate((canvas: HTMLCanvasElement) => [
      ...(canvas.getContext("2d")?.getImageData(45, 123, 1, 1).data ?? []),
    ]);
  expect([red, green, blue]).toEqual([255, 70, 130]);
  await picture.focus();
  await page.keyboard.press("Enter");
  const grid = page.getByRole("grid", { name: /^Values of broken\.weight/ });
  await grid.waitFor();
  expect(opened.webview.errors).toEqual([]);
});

test("a large slice is drawn when the user says so, and looks right in every theme", async () => {
  const opened = await openPicture("embed.weight");
  const { page } = opened;
  await page.getByRole("button", { name: "Draw (reads 262 MB)" }).waitFor();
  await opened.filter().fill("conv.weight");
  await expect.poll(() => opened.column(0)).toContain("conv.weight");
  await opened.rows.locator("[data-row]").last().click();
  await page.getByRole("slider", { name: /^Picture of conv\.weight \[0, 0, :, :\]/ }).waitFor();
  await opened.filter().fill("broken.weight");
  await expect.poll(() => opened.column(0)).toContain("broken.weight");
  await opened.rows.locator("[data-row]").last().click();
  await page.getByRole("slider", { name: /^Picture of broken/ }).waitFor();
  for (const theme of themeNames) {
    await opened.webview.setTheme(theme);
    await opened.webview.screenshot(`heat-map-${theme}`);
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  }
});
