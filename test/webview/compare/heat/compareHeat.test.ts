import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { details, eachComparePage, heatMap, moduleRow } from "../comparePage";

const { open: openPage, sent, reload, seriousProblems } = eachComparePage();

async function open(...options: Parameters<typeof openPage>): Promise<Page> {
  const page = await openPage(...options);
  await heatMap(page).waitFor();
  return page;
}

/** The middle of a cell in a panel. */
async function cell(page: Page, panel: number, row: number, col: number, rows: number, cols: number) {
  const box = await page.locator(".cell-area").nth(panel).boundingBox();
  if (box === null) throw new Error("No panel");
  return { x: box.x + ((col + 0.5) * box.width) / cols, y: box.y + ((row + 0.5) * box.height) / rows };
}

test("the map is read with the arrow keys, and Enter selects the module everywhere", async () => {
  const page = await open({ adapters: "pipeline" });
  const map = heatMap(page);
  await expect.poll(() => map.getAttribute("aria-label")).toBe("‖ΔW‖ (Frobenius norm) by layer and kind");
  await map.focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  const text = (await map.getAttribute("aria-valuetext")) ?? "";
  expect(text).toMatch(
    /^model\.layers\.11\.[a-z_.]+_proj: 01-svd [\d.]+, 02-rank-reduction [\d.]+, 03-fine-tuning [\d.]+$/,
  );
  // The same numbers as in the table of modules.
  const module = text.slice(0, text.indexOf(":"));
  const numbers = [...text.matchAll(/(?:svd|reduction|tuning) ([\d.]+)/g)].map(([, number]) => number);
  await expect.poll(() => page.locator(".heat-read").allTextContents()).toEqual(numbers);
  await page.keyboard.press("Enter");
  await details(page).getByRole("heading", { name: module }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => details(page).count()).toBe(0);
});

test("a click in any panel selects the module, and its cell is marked in all of them", async () => {
  const page = await open({ adapters: "pipeline" }, { viewport: { width: 1280, height: 1400 } });
  const at = await cell(page, 1, 6, 3, 7, 12);
  await page.mouse.click(at.x, at.y);
  await details(page).getByRole("heading", { name: "model.layers.3.self_attn.v_proj" }).waitFor();
  await expect.poll(() => page.locator(".cell-marked").count()).toBe(3);
  await expect
    .poll(() => moduleRow(page, "model.layers.3.self_attn.v_proj").getAttribute("class"))
    .toContain("selected");
});

test("differences from a snapshot are coloured to both sides of zero", async () => {
  const page = await open({ adapters: "pipeline" });
  await page.getByRole("combobox", { name: "Values or differences" }).click();
  await page.getByRole("option", { name: "Difference from 01-svd" }).click();
  await page.getByText("the others are held against it").waitFor();
  const ticks = page.locator(".cell-tick");
  await expect.poll(async () => (await ticks.first().textContent())?.charAt(0)).toBe("−");
  expect((await ticks.last().textContent())?.slice(1)).toBe((await ticks.first().textContent())?.slice(1));
  // Truncation only takes away: the second snapshot's cells are on the one side.
  await heatMap(page).focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => heatMap(page).getAttribute("aria-valuetext")).toMatch(/02-rank-reduction −0\.\d+/);
});

test("the map as a table, copied as CSV, and saved as a picture", async () => {
  const page = await open({ adapters: "pipeline" });
  await page.getByRole("button", { name: "Save the heat map as a PNG picture" }).click();
  await expect.poll(() => sent("savePng"), { timeout: 25_000 }).toHaveLength(1);
  await page.getByRole("button", { name: "Show the heat map as a table" }).click();
  const table = page.getByRole("table", { name: "‖ΔW‖ (Frobenius norm) by layer and kind" });
  await expect.poll(() => table.getAttribute("aria-rowcount")).toBe("85");
  await page.getByRole("button", { name: "Copy the heat map as CSV" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(1);
  const [{ params }] = (await sent("copy")) as [{ params: { text: string } }];
  const lines = params.text.trim().split("\r\n");
  expect(lines).toHaveLength(85);
  expect(lines[0]).toBe("Module,01-svd,02-rank-reduction,03-fine-tuning");
  const [, exact] = lines[1]?.split(",") ?? [];
  const shown = await table.getByRole("row").nth(1).getByRole("cell").first().textContent();
  expect(Number(exact).toPrecision(4)).toBe(shown);
});

test("8 × 504 modules are drawn once, and the map of a narrow column has its layers downwards", async () => {
  const page = await open({ adapters: "many" }, { viewport: { width: 700, height: 900 } });
  await expect.poll(() => page.locator(".cell-area").count()).toBe(8);
  const sizes = await page
    .locator(".cell-picture")
    .evaluateAll((canvases) => canvases.map((canvas) => (canvas as HTMLCanvasElement).clientHeight));
  expect(new Set(sizes)).toEqual(new Set([504]));
  const painted = await page
    .locator(".cell-picture")
    .first()
    .evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      const colors = new Set<number>();
      for (let at = 0; at < data.length; at += 4)
        colors.add(((data[at] ?? 0) << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0));
      return colors.size;
    });
  expect(painted).toBeGreaterThan(50);
});

test("what the map shows is there again when the tab is shown again", async () => {
  const page = await open({ adapters: "pipeline" });
  await page.getByRole("combobox", { name: "Metric of the heat map" }).click();
  await page.getByRole("option", { name: "Cosine with the left" }).click();
  await page.getByRole("button", { name: "Heat map", exact: true }).click();
  await expect.poll(() => heatMap(page).count()).toBe(0);
  await page.waitForTimeout(300); // kept state is written a moment later
  await reload();
  await page.getByRole("button", { name: "Heat map", exact: true }).click();
  await expect
    .poll(() => heatMap(page).getAttribute("aria-label"))
    .toBe("Cosine with the left by layer and kind");
});

test("axe finds nothing serious in any theme", async () => {
  const page = await open({ adapters: "odd" });
  await heatMap(page).focus();
  await page.keyboard.press("ArrowRight");
  expect(await seriousProblems()).toEqual([]);
  await page.getByRole("button", { name: "Show the heat map as a table" }).click();
  expect(await seriousProblems()).toEqual([]);
});
