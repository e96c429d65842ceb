import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../support/browser/accessibility";
import type { SampleName } from "../fakeHost/editor/editorSamples";
import { EditorPage } from "./editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

const screens: readonly (readonly [sample: SampleName, tab: string | undefined])[] = [
  ["adapter", "Overview"],
  ["adapter", "Tensors"],
  ["adapter", "Training"],
  ["adapter", "LoRA"],
  ["distributed", "Overview"],
  ["distributed", "Tensors"],
  ["problems", "Health"],
  ["hostile", "Tensors"],
  ["shard", "Overview"],
  ["broken", undefined],
  ["deleted", undefined],
];

test.each(screens)("axe finds nothing wrong with %s, %s, in every theme", async (sample, tab) => {
  editor = await EditorPage.open({ sample });
  const { page, webview } = editor;
  await page.getByRole("heading", { level: 1 }).waitFor();
  if (tab !== undefined) await editor.showTab(tab);
  if (tab === "Tensors" || tab === "LoRA") await editor.rows.locator("[data-row='0']").click();
  await webview.inEveryTheme(async (theme) => {
    await webview.screenshot(`editor-${sample}-${tab ?? "whole"}-${theme}`);
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  });
});

test("every tab, and every control in it, is reached from the keyboard", async () => {
  editor = await EditorPage.open();
  const { page } = editor;
  await page.getByRole("tab").first().waitFor();
  const reached: string[] = [];
  for (let stop = 0; stop < 8; stop++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""));
  }
  expect(reached.slice(0, 4)).toEqual([
    "1 note",
    expect.stringContaining("fine-tuning"),
    "Compare…",
    "Overview",
  ]);
  await editor.tab("Overview").focus();
  for (const name of ["Tensors", "Training", "LoRA", "Health", "Overview"]) {
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => editor?.tab(name).getAttribute("aria-selected")).toBe("true");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("tab");
  }
});
