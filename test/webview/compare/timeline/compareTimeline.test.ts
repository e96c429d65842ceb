import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { eachComparePage } from "../comparePage";

const { open: openPage, sent, reload, seriousProblems } = eachComparePage();

async function open(more: Parameters<typeof openPage>[1] = {}): Promise<Page> {
  const page = await openPage({ adapters: "long" }, more);
  await map(page).waitFor({ timeout: 20_000 });
  return page;
}

const map = (page: Page) => page.getByRole("slider", { name: / by module and checkpoint$/ });

test("a metric of all modules over all checkpoints, and the line of the chosen module", async () => {
  const page = await open();
  await map(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  const reading = (await map(page).getAttribute("aria-valuetext")) ?? "";
  expect(reading).toMatch(/^model\.layers\.\d\.[a-z_.]+_proj, step 100: [\d.]+$/);
  await page.keyboard.press("Enter");
  const module = reading.slice(0, reading.indexOf(","));
  const line = page.getByRole("slider", { name: `‖ΔW‖ (Frobenius norm): ${module} by step` });
  await line.focus();
  await page.keyboard.press("Home");
  await expect
    .poll(() => line.getAttribute("aria-valuetext"))
    .toContain(reading.slice(reading.indexOf(": ") + 2));
  await expect.poll(() => line.getAttribute("aria-valuemax")).toBe("4000");
});

test("another metric, kind by kind, as a table and as text", async () => {
  const page = await open();
  await page.getByRole("combobox", { name: "Metric of the timeline" }).click();
  await page.getByRole("option", { name: "Change since the first checkpoint" }).click();
  await page.getByRole("combobox", { name: "Order of the modules" }).click();
  await page.getByRole("option", { name: "Kind by kind" }).click();
  await page.getByRole("button", { name: "Show the timeline as a table" }).click();
  const table = page.getByRole("table", {
    name: "Change since the first checkpoint by module and checkpoint",
  });
  const first = table.getByRole("row").nth(1);
  await expect
    .poll(() => first.getByRole("button").getAttribute("aria-label"))
    .toBe("model.layers.0.mlp.down_proj");
  await expect
    .poll(() => table.getByRole("row").nth(2).getByRole("button").getAttribute("aria-label"))
    .toBe("model.layers.1.mlp.down_proj");
  const cells = await first.getByRole("cell").allTextContents();
  expect(cells).toHaveLength(40);
  expect(cells[0]).toBe("–");
  expect(cells[39]).toMatch(/^\d+\.\d+ %$/);
  await page.getByRole("button", { name: "Copy the timeline as CSV" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(1);
});

test("the checkpoints side by side are a press away, and the choice is kept", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Comparison", exact: true }).click();
  await page.getByRole("table", { name: "Snapshots" }).waitFor();
  await page.waitForTimeout(300); // kept state is written a moment later
  await reload();
  await page.getByRole("table", { name: "Snapshots" }).waitFor();
  await page.getByRole("button", { name: "Timeline", exact: true }).click();
  await map(page).waitFor();
});

test("axe finds nothing serious in any theme", async () => {
  await open();
  expect(await seriousProblems()).toEqual([]);
});
