import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

test("the moments of a parameter are measured on request, with the size of its last step", async () => {
  editor = await EditorPage.open({ sample: "optimizer" });
  const { page } = editor;
  page.setDefaultTimeout(15_000);
  await editor.showTab("Optimizer");
  await editor.rows.last().locator("[data-row='0']").click();
  await page.getByRole("button", { name: "Measure moments and step size" }).click();
  const table = page.getByRole("table", { name: "Moments" });
  await table.waitFor();
  await expect
    .poll(() => table.getByRole("columnheader").allInnerTexts())
    .toEqual(["exp_avg", "exp_avg_sq", "last step"]);
  await expect.poll(() => table.getByRole("row", { name: /^NaN 0 0 0$/ }).count()).toBe(1);
  await page.getByText(/^Last step: .* with bias correction, step \d+/).waitFor();
  await editor.webview.screenshot("moments-dark");
  expect(await findAccessibilityProblems(page)).toEqual([]);
});
