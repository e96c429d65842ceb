import { afterEach, expect, test } from "vitest";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";

/** Several runs on one page: a sweep of four learning rates, of which the third is still running. */
let opened: WebviewPage | undefined;

afterEach(async () => {
  expect(opened?.errors ?? []).toEqual([]);
  await opened?.close();
  opened = undefined;
});

async function open(more: Partial<WebviewPageOptions> = {}) {
  opened = await WebviewPage.open({
    page: "run",
    fakeHostOptions: { sample: "sweep" },
    viewport: { width: 1200, height: 900 },
    ...more,
  });
  const { page } = opened;
  const table = page.getByRole("grid", { name: "Runs" });
  await table.waitFor();
  const names = async () => {
    const rows = await table.getByRole("row").all();
    const cells = rows.slice(1).map((row) => row.getByRole("gridcell").first().textContent());
    return (await Promise.all(cells)).map((name) => name?.replace("qwen-lora-lr-", ""));
  };
  return { webview: opened, page, table, names };
}

async function sent(method: string): Promise<unknown[]> {
  const messages = (await opened?.sentMessages()) ?? [];
  return messages.filter((message) => (message as { method?: string }).method === method);
}

test("runs are beside each other: one line each in every chart, and their numbers in one table", async () => {
  const { page, table } = await open();
  await page.getByRole("heading", { name: "4 runs" }).waitFor();
  const running = table.getByRole("row").filter({ hasText: "lr-4e-4" });
  // The last and the lowest value of the loss, and the value at the last step that all have reached.
  await expect
    .poll(async () => (await running.getByRole("gridcell").allTextContents()).slice(1, 6))
    .toEqual(["Running", "450", "0.8952", "0.8952at 450", "0.8952"]);
  const loss = page.getByRole("slider", { name: "Loss by step", exact: true });
  await loss.focus();
  await page.keyboard.press("Home");
  await expect
    .poll(() => loss.getAttribute("aria-valuetext"))
    .toMatch(
      /^Step 10; qwen-lora-lr-1e-4 3\.\d+.*; qwen-lora-lr-2e-4 .*; qwen-lora-lr-4e-4 .*; qwen-lora-lr-8e-4 /,
    );
});

test("the table sorts by every number, and runs without one come last", async () => {
  const { page, table, names } = await open();
  const header = (name: string) => table.getByRole("columnheader", { name }).getByRole("button");
  await header("Loss").first().click();
  await expect.poll(names).toEqual(["8e-4", "1e-4", "2e-4", "4e-4"]);
  await header("Loss").first().click();
  await expect.poll(names).toEqual(["4e-4", "2e-4", "1e-4", "8e-4"]);
  // At another step they stand in another order.
  await page.getByRole("textbox", { name: "Values at step" }).fill("200");
  await header("at 200").first().click();
  await expect.poll(names).toEqual(["1e-4", "2e-4", "4e-4", "8e-4"]);
  await page.getByRole("textbox", { name: "Values at step" }).fill("5");
  await expect.poll(() => table.getByRole("row").nth(1).getByRole("gridcell").nth(5).textContent()).toBe("–");
});

test("only settings that differ are listed, until all are asked for", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Settings 5 of 9 differ" }).click();
  const settings = page.getByRole("grid", { name: "Settings" });
  const keys = async () => {
    const rows = await settings.getByRole("row").all();
    return Promise.all(rows.slice(1).map((row) => row.getByRole("gridcell").first().textContent()));
  };
  await expect.poll(keys).toEqual(["learning_rate", "lora_r", "lora_alpha", "weight_decay", "seed"]);
  await page.getByRole("checkbox", { name: "All settings" }).click();
  await expect.poll(async () => (await keys()).length).toBe(9);
  await page.getByRole("textbox", { name: "Search settings" }).fill("0.1");
  await expect.poll(keys).toEqual(["weight_decay"]);
});

test("a run is hidden by its name, taken from the page by its cross, and its colour stays with it", async () => {
  const { webview, page, table, names } = await open();
  const button = (name: string) => table.getByRole("button", { name: `qwen-lora-lr-${name}`, exact: true });
  const colour = (name: string) => button(name).locator("line").getAttribute("stroke");
  const before = await colour("4e-4");
  await button("1e-4").click();
  await expect.poll(() => button("1e-4").getAttribute("aria-pressed")).toBe("false");
  await webview.reload();
  await expect.poll(() => button("1e-4").getAttribute("aria-pressed")).toBe("false");
  await table.getByRole("button", { name: "Remove qwen-lora-lr-2e-4 from this page" }).click();
  await expect.poll(() => sent("removeRun")).toMatchObject([{ params: { run: "run:qwen-lora-lr-2e-4" } }]);
  await expect.poll(names).toEqual(["1e-4", "4e-4", "8e-4"]);
  expect(await colour("4e-4")).toBe(before);
  await page.getByRole("button", { name: "Add runs to chart beside this" }).click();
  await expect.poll(() => sent("addRuns")).toHaveLength(1);
});

test("all values of a chart are a table and CSV, a column a run", async () => {
  const { page } = await open();
  const chart = page.getByRole("figure", { name: "Eval loss" });
  await chart.hover();
  await chart.getByRole("button", { name: "Copy Eval loss as CSV" }).click();
  await expect.poll(() => page.evaluate(() => window.__copiedTables.length)).toBe(1);
  const [header, first, ...rest] = (await page.evaluate(() => window.__copiedTables[0] ?? ""))
    .trim()
    .split("\r\n");
  expect(header).toBe("Step,qwen-lora-lr-1e-4,qwen-lora-lr-2e-4,qwen-lora-lr-4e-4,qwen-lora-lr-8e-4");
  expect(first).toMatch(/^50(,2\.\d+){4}$/);
  expect(rest.at(-1)).toMatch(/^600,1\.\d+,1\.\d+,,1\.\d+$/);
  await chart.getByRole("button", { name: "Save Eval loss as a PNG picture" }).click();
  await expect.poll(() => sent("savePng")).toHaveLength(1);
  await page.getByRole("button", { name: "Table", exact: true }).click();
  const table = page.getByRole("grid", { name: "Training log" });
  await table.getByRole("columnheader", { name: "Eval loss: qwen-lora-lr-8e-4" }).waitFor();
});

test("over elapsed time runs that began on different days begin together", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Elapsed" }).click();
  const loss = page.getByRole("slider", { name: "Loss by elapsed time", exact: true });
  await loss.focus();
  // As soon as the samples over time are there.
  const readAt = async (key: string) => {
    await page.keyboard.press(key);
    return loss.getAttribute("aria-valuetext");
  };
  await expect.poll(() => readAt("Home")).toMatch(/^Elapsed time 0 s; qwen-lora-lr-1e-4 3\.\d+/);
  await expect.poll(() => readAt("End")).toMatch(/^Elapsed time 24 min 35 s;/);
});

test("axe finds nothing serious in any theme", async () => {
  const { webview, page } = await open();
  await page.getByRole("button", { name: /^Settings/ }).click();
  await page.getByRole("grid", { name: "Settings" }).waitFor();
  expect(await webview.seriousProblems()).toEqual([]);
});
