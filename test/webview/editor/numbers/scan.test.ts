import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import { themeNames } from "../../../support/browser/themes";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function openTensors(options: EditorHostOptions): Promise<EditorPage> {
  editor = await EditorPage.open(options);
  editor.page.setDefaultTimeout(8000);
  await editor.showTab("Tensors");
  await editor.rows.waitFor();
  return editor;
}

test("a scan fills columns that sort, marks outliers, and its findings lead to the tensor", async () => {
  const opened = await openTensors({ sample: "model", scanRows: 50 });
  const { page } = opened;
  await page.getByRole("button", { name: "Scan values" }).click();
  await page.getByRole("status").filter({ hasText: "Scanned 13.5 GB" }).waitFor();
  // One NaN in layer 3, which the rows of its modules tell of.
  const notNumbers = (name: RegExp) => opened.rows.getByRole("row", { name }).locator("[role='gridcell']");
  await expect.poll(async () => (await notNumbers(/^model 322 tensors/).allInnerTexts()).at(-2)).toBe("1");
  await expect.poll(async () => (await notNumbers(/^3 /).allInnerTexts()).at(-2)).toBe("1");
  await expect.poll(async () => (await notNumbers(/^4 /).allInnerTexts()).at(-2)).toBe("0");
  await page.getByRole("button", { name: "Table" }).click();
  await opened.rows.getByRole("columnheader", { name: "Std" }).getByRole("button").click();
  await expect.poll(async () => (await opened.column(0))[0]).toBe("model.layers.17.mlp.up_proj.weight");
  const mark = opened.rows.getByRole("img", { name: /^Outlier: std .* robust z/ });
  await expect.poll(() => mark.count()).toBe(1);
  const only = page.getByRole("button", { name: "Outliers 1" });
  await only.click();
  await expect.poll(() => opened.column(0)).toEqual(["model.layers.17.mlp.up_proj.weight"]);
  await page.getByText(/^1 of 323 tensors/).waitFor();
  await only.click();
  await opened.rows.getByRole("columnheader", { name: "NaN" }).getByRole("button").click();
  await expect.poll(async () => (await opened.column(0))[0]).toBe("model.layers.3.self_attn.q_proj.weight");
  await page.getByRole("button", { name: "Numbers" }).click();
  await opened.rows.getByRole("columnheader", { name: "First byte" }).waitFor();
  await page.getByRole("tabpanel").getByRole("button", { name: "1 problem" }).click();
  await page.getByText("1 NaN among 16,777,216 values").waitFor();
  await page.getByRole("button", { name: "model.layers.3.self_attn.q_proj.weight" }).click();
  await expect.poll(() => opened.selectedName()).toContain("q_proj");
});

test("a scan is cancelled, keeps what it measured, and begins anew", async () => {
  const opened = await openTensors({ sample: "model", scanRows: 50, scanMs: 200 });
  const { page } = opened;
  await page.getByRole("button", { name: "Scan values" }).click();
  await page.getByText(/of 13.5 GB/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText(/^Scan cancelled: \d+ of 323 tensors measured\.$/).waitFor();
  await page.getByRole("button", { name: "Scan again" }).click();
  await page.getByRole("status").filter({ hasText: "Scanned 13.5 GB" }).waitFor();
});

test("a small tensor is measured at once, a large one when the user says so", async () => {
  const opened = await openTensors({ sample: "numbers", measureMs: 400 });
  const { page } = opened;
  const open = async (name: string) => {
    await opened.filter().fill(name);
    await expect.poll(() => opened.column(0)).toContain(name);
    await opened.rows.locator("[data-row]").last().click();
  };
  await open("broken.weight");
  const facts = page.getByRole("table", { name: "Statistics" });
  await facts.getByRole("row", { name: /^NaN 1 / }).waitFor();
  await page.getByRole("button", { name: "Show Histogram as a table" }).waitFor();
  await open("embed.weight");
  await page.getByRole("button", { name: "Compute (reads 262 MB)" }).click();
  await page.getByText("65.5 MB of 262 MB").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Compute (reads 262 MB)" }).click();
  await facts.waitFor();
  await page
    .getByRole("table", { name: "Quantiles" })
    .getByRole("row", { name: /^50 % / })
    .waitFor();
  for (const theme of themeNames) {
    await opened.webview.setTheme(theme);
    await opened.webview.screenshot(`statistics-${theme}`);
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  }
});

test("the next NaN is found and shown in the grid", async () => {
  const opened = await openTensors({ sample: "numbers" });
  const { page } = opened;
  await opened.filter().fill("broken");
  await opened.rows.locator("[data-row]").last().click();
  await page.getByRole("button", { name: "Values", exact: true }).click();
  await page.getByRole("button", { name: "Next NaN" }).click();
  await expect.poll(() => page.locator(".values-active").innerText()).toContain("[123, 45] NaN");
  await page.getByRole("gridcell", { name: "NaN" }).waitFor();
});

test("of 89,088 tensors few are in the page while results come in and the rows are sorted by them", async () => {
  const opened = await openTensors({ sample: "mixture", scanRows: 4096, scanMs: 120 });
  const { page } = opened;
  await expect
    .poll(() => page.getByRole("status").last().innerText(), { timeout: 20_000 })
    .toMatch(/^(?!.*loading).*89,088/s);
  await page.evaluate(() => {
    const durations: number[] = [];
    Object.assign(window, { longTasks: durations });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) durations.push(duration);
    }).observe({ type: "longtask" });
  });
  await page.getByRole("button", { name: "Table" }).click();
  await page.getByRole("button", { name: "Scan values" }).click();
  await opened.rows.getByRole("columnheader", { name: "Std" }).getByRole("button").click();
  await page.getByRole("status").filter({ hasText: "Scanned" }).waitFor({ timeout: 30_000 });
  await expect.poll(() => opened.rows.locator("[data-row]").count()).toBeLessThanOrEqual(60);
  const tasks = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
  console.log(`tasks over 50 ms during the scan of 89,088 tensors: ${tasks.map(Math.round).join(", ")}`);
});
