import type { Locator, Page } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { WebviewPage } from "../../support/browser/webviewPage";
import type { RunHostOptions } from "../fakeHost/run/runHost";

/** The line chart in a real browser, as the page of a run shows it: what is drawn is read back from the canvas. */
let opened: WebviewPage | undefined;

afterEach(async () => {
  expect(opened?.errors ?? []).toEqual([]);
  await opened?.close();
  opened = undefined;
});

async function open(
  options: RunHostOptions = {},
): Promise<{ webview: WebviewPage; page: Page; loss: Locator }> {
  opened = await WebviewPage.open({
    page: "run",
    fakeHostOptions: options,
    viewport: { width: 1000, height: 800 },
  });
  const loss = opened.page.getByRole("slider", { name: "Loss by step" });
  await loss.waitFor();
  return { webview: opened, page: opened.page, loss };
}

const resetZoom = (page: Page) => page.getByRole("button", { name: /^Reset zoom steps/ });

async function stepsInSight(page: Page): Promise<[number, number]> {
  const text = (await resetZoom(page).textContent()) ?? "";
  const [from = Number.NaN, to = Number.NaN] = [...text.matchAll(/\d[\d,]*/g)].map(([number]) =>
    Number(number.replaceAll(",", "")),
  );
  return [from, to];
}

/** Drags over the plot, from and to as shares of its width. */
async function drag(page: Page, plot: Locator, from: number, to: number): Promise<void> {
  const box = await plot.boundingBox();
  if (box === null) throw new Error("The plot is not there");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y + 5);
  await page.mouse.move(box.x + box.width * to, y);
  await page.mouse.up();
}

/** The box of all pixels that are about this colour, in CSS pixels of the canvas; undefined without any. */
function coloured(
  plot: Locator,
  variable: string,
  ignoreAxis = 60,
): Promise<{ top: number; count: number } | undefined> {
  return plot.locator("canvas").evaluate(
    (canvas: HTMLCanvasElement, [name, left]) => {
      const probe = document.createElement("canvas").getContext("2d");
      const context = canvas.getContext("2d");
      if (probe === null || context === null) throw new Error("No canvas");
      probe.fillStyle = getComputedStyle(document.body).getPropertyValue(name);
      probe.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0] = probe.getImageData(0, 0, 1, 1).data;
      const { data, width } = context.getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      let top = Number.POSITIVE_INFINITY;
      for (let at = 0; at < data.length; at += 4) {
        const x = (at / 4) % width;
        const far =
          Math.abs((data[at] ?? 0) - red) +
          Math.abs((data[at + 1] ?? 0) - green) +
          Math.abs((data[at + 2] ?? 0) - blue);
        if (far > 24 || (data[at + 3] ?? 0) < 60 || x < left) continue;
        count++;
        top = Math.min(top, Math.floor(at / 4 / width));
      }
      return count === 0 ? undefined : { top, count };
    },
    [variable, ignoreAxis] as const,
  );
}

test("keys read value after value, and what is read is what was logged", async () => {
  const { page, loss } = await open();
  await loss.focus();
  await page.keyboard.press("End");
  await expect
    .poll(() => loss.getAttribute("aria-valuetext"))
    .toMatch(
      /^Step 480; Loss 0\.\d+, smoothed 0\.\d+; Eval loss 1\.\d+; checkpoint-480 \(this checkpoint\)$/,
    );
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => loss.getAttribute("aria-valuenow")).toBe("478");
  await page.keyboard.press("Escape");
  // Without a cursor it is the chart in words.
  await expect.poll(() => loss.getAttribute("aria-valuetext")).toContain("highest 5.75 at step 192");
});

test("the pointer reads all lines at the nearest step, and the other charts show the same step", async () => {
  const { page, loss } = await open();
  await loss.hover({ position: { x: 400, y: 100 } });
  const reading = page.locator(".reading");
  await expect.poll(() => reading.count()).toBe(1);
  await expect
    .poll(() => reading.textContent())
    .toMatch(/^Step \d+Loss[\d.]+smoothed [\d.]+Eval loss[\d.]+at step \d+$/);
  await expect
    .poll(() => page.locator(".plot-cursor").count())
    .toBe(await page.getByRole("slider", { name: /by step$/ }).count());
  await page.mouse.move(5, 5);
  await expect.poll(() => reading.count()).toBe(0);
});

test("dragging zooms to what was dragged over, all charts together; the button shows everything again", async () => {
  const { page, loss } = await open();
  await drag(page, loss, 0.3, 0.5);
  const [from, to] = await stepsInSight(page);
  expect(from).toBeGreaterThan(100);
  expect(to).toBeLessThan(260);
  expect(to - from).toBeGreaterThan(80);
  await expect.poll(() => page.getByRole("button", { name: "Reset zoom (0)" }).count()).toBeGreaterThan(2);
  await resetZoom(page).click();
  await expect.poll(() => resetZoom(page).count()).toBe(0);
  await drag(page, loss, 0.3, 0.5);
  await loss.dblclick({ position: { x: 400, y: 100 } });
  await expect.poll(() => resetZoom(page).count()).toBe(0);
});

test("shift and dragging moves what is in sight without changing how much it is", async () => {
  const { page, loss } = await open();
  await drag(page, loss, 0.4, 0.6);
  const [from, to] = await stepsInSight(page);
  await page.keyboard.down("Shift");
  await drag(page, loss, 0.6, 0.3);
  await page.keyboard.up("Shift");
  const [movedFrom, movedTo] = await stepsInSight(page);
  expect(movedFrom).toBeGreaterThan(from);
  expect(Math.abs(movedTo - movedFrom - (to - from))).toBeLessThanOrEqual(2);
});

test("the wheel scrolls the page until the chart has the focus or Ctrl is held", async () => {
  const { page, loss } = await open();
  const scrolled = () => page.locator(".run-content").evaluate(({ scrollTop }) => scrollTop);
  await loss.hover({ position: { x: 400, y: 100 } });
  await page.mouse.wheel(0, 60);
  await expect.poll(scrolled).toBeGreaterThan(0);
  await expect.poll(() => resetZoom(page).count()).toBe(0);
  await expect.poll(() => page.getByText("Ctrl + wheel zooms").count()).toBe(1);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  await expect.poll(() => resetZoom(page).count()).toBe(1);
  const [from, to] = await stepsInSight(page);
  await loss.focus();
  await loss.hover({ position: { x: 400, y: 100 } });
  await page.mouse.wheel(0, -200);
  await expect.poll(async () => (await stepsInSight(page)).join()).not.toBe(`${from},${to}`);
});

test("plus and minus zoom, arrows move the view, 0 shows everything", async () => {
  const { page, loss } = await open();
  await loss.focus();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  const [from, to] = await stepsInSight(page);
  expect(to - from).toBeLessThan(200);
  await page.keyboard.press("ArrowRight");
  expect((await stepsInSight(page))[0]).toBeGreaterThan(from);
  await page.keyboard.press("Shift+ArrowRight");
  await expect.poll(() => loss.getAttribute("aria-valuetext")).toMatch(/^Step /);
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await expect.poll(() => resetZoom(page).count()).toBe(0);
  await page.keyboard.press("+");
  await page.keyboard.press("0");
  await expect.poll(() => resetZoom(page).count()).toBe(0);
});

test("a spike of one step stays in the picture of 100,000", async () => {
  const { page, loss } = await open({ sample: "long" });
  await page.getByRole("button", { name: "Smooth Loss" }).click();
  const blue = "--vscode-charts-blue";
  const spike = await coloured(loss, blue);
  // The axis ends at 6 and the spike at 5.75: it is right under the flags.
  expect(spike?.top).toBeLessThan(60);
  await page.getByRole("button", { name: "Loss", exact: true }).click();
  await expect.poll(() => coloured(loss, blue)).toBeUndefined();
});

test("a theme that changes while the chart is open changes its colours", async () => {
  const { webview, page, loss } = await open();
  const before = await coloured(loss, "--vscode-charts-blue");
  expect(before?.count).toBeGreaterThan(200);
  await webview.setTheme("light");
  // The light theme's blue is another one: had nothing been drawn again, none of it would be found.
  await expect
    .poll(async () => (await coloured(loss, "--vscode-charts-blue"))?.count ?? 0)
    .toBeGreaterThan(200);
  await page.evaluate(() => document.documentElement.style.setProperty("--vscode-charts-blue", "#ff00ff"));
  await expect
    .poll(async () => (await coloured(loss, "--vscode-charts-blue"))?.count ?? 0)
    .toBeGreaterThan(200);
});

test("a chart that was hidden is whole when it is shown again, at another size", async () => {
  const { page, loss } = await open();
  const show = (display: string) =>
    page.locator("#root").evaluate((root, value) => root.style.setProperty("display", value), display);
  await show("none");
  await page.setViewportSize({ width: 700, height: 800 });
  await show("block");
  await expect
    .poll(async () => {
      const canvas = await loss.locator("canvas").boundingBox();
      const frame = await loss.boundingBox();
      return (canvas?.width ?? 0) > 500 && canvas?.width === frame?.width && canvas?.height === frame?.height;
    })
    .toBe(true);
  expect((await coloured(loss, "--vscode-charts-blue"))?.count).toBeGreaterThan(200);
});

test("flags and lines of checkpoints open them; the best and the current one say what they are", async () => {
  const { webview, page, loss } = await open();
  await page.getByRole("button", { name: "Open checkpoint-320 (best), step 320" }).click();
  await expect
    .poll(() => page.getByRole("button", { name: "Open checkpoint-480 (this checkpoint), step 480" }).count())
    .toBe(1);
  const flag = await page.getByRole("button", { name: "Open checkpoint-160, step 160" }).boundingBox();
  const plot = await loss.boundingBox();
  if (flag === null || plot === null) throw new Error("No flag");
  // On the line, below the flag.
  await page.mouse.click(flag.x + flag.width / 2, plot.y + plot.height / 2);
  const opens = (await webview.sentMessages()).filter(
    (message) => (message as { method?: string }).method === "open",
  );
  expect(opens).toMatchObject([
    { params: { path: "/runs/llama-lora/checkpoint-320" } },
    { params: { path: "/runs/llama-lora/checkpoint-160" } },
  ]);
  // A drag that ends on a line is no click on it.
  await drag(page, loss, 0.1, 0.34);
  expect(
    (await webview.sentMessages()).filter((message) => (message as { method?: string }).method === "open"),
  ).toHaveLength(2);
});

test("every chart has its values as a table, NaN by name", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Show Loss as a table" }).click();
  const table = page.getByRole("grid", { name: "Values of Loss" });
  await page.getByRole("textbox").and(page.getByPlaceholder("Go to step")).fill("192");
  const row = (step: string) =>
    table.getByRole("row").filter({ has: page.getByRole("gridcell", { name: step, exact: true }) });
  await expect
    .poll(() => row("192").getByRole("gridcell").allTextContents())
    .toEqual(["192", "5.75000", expect.stringMatching(/^3\.\d+$/), ""]);
  await page.getByRole("textbox").and(page.getByPlaceholder("Go to step")).fill("336");
  await expect.poll(() => row("336").getByRole("gridcell").nth(1).textContent()).toBe("NaN");
  await page.getByRole("button", { name: "Show Loss as a chart" }).click();
  await page.getByRole("slider", { name: "Loss by step" }).waitFor();
});

test("a logarithmic axis says which values it can't show", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Log scale" }).click();
  await page.getByText("Learning rate: 1 value not above zero, left out of the logarithmic axis").waitFor();
  await page.getByText("Linear axis: most of the values are not above zero").waitFor();
});
