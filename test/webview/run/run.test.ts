import { afterEach, expect, test } from "vitest";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";
import type { RunHostOptions } from "../fakeHost/run/runHost";

let opened: WebviewPage | undefined;

afterEach(async () => {
  expect(opened?.errors ?? []).toEqual([]);
  await opened?.close();
  opened = undefined;
});

async function open(options: RunHostOptions = {}, more: Partial<WebviewPageOptions> = {}) {
  opened = await WebviewPage.open({
    page: "run",
    fakeHostOptions: options,
    viewport: { width: 1000, height: 800 },
    ...more,
  });
  return { webview: opened, page: opened.page };
}

async function sent(method: string): Promise<unknown[]> {
  const messages = (await opened?.sentMessages()) ?? [];
  return messages.filter((message) => (message as { method?: string }).method === method);
}

test("the run is named, its log drawn, its checkpoints listed with what the log says of them", async () => {
  const { page } = await open();
  await page.getByRole("heading", { name: "llama-lora 6 checkpoints" }).waitFor();
  const row = page
    .getByRole("grid", { name: "Checkpoints" })
    .getByRole("row")
    .filter({ hasText: "checkpoint-320" });
  await expect
    .poll(() => row.getByRole("gridcell").allTextContents())
    .toEqual(["checkpoint-320best", "320", "2.0", expect.stringMatching(/^0\.9\d{4}$/), "1.12290"]);
  await row.getByRole("button", { name: "checkpoint-320" }).click();
  await expect
    .poll(() => sent("open"))
    .toMatchObject([{ params: { path: "/runs/llama-lora/checkpoint-320" } }]);
});

test("smoothing is on for the loss and off for learning rate and gradient norm, until the reader asks for it", async () => {
  const { page } = await open();
  const pressed = (name: string) =>
    page.getByRole("button", { name: `Smooth ${name}` }).getAttribute("aria-pressed");
  await page.getByRole("slider", { name: "Learning rate by step" }).waitFor();
  expect([await pressed("Loss"), await pressed("Learning rate"), await pressed("Gradient norm")]).toEqual([
    "true",
    "false",
    "false",
  ]);
  await page.getByRole("button", { name: "Smooth Learning rate" }).click();
  await expect.poll(() => pressed("Learning rate")).toBe("true");
  // The values themselves are not touched.
  await page.getByRole("button", { name: "Show Learning rate as a table" }).click();
  const header = page.getByRole("grid", { name: "Values of Learning rate" }).getByRole("columnheader");
  await expect
    .poll(() => header.allTextContents())
    .toEqual(["Step", "Learning rate", "Learning rate, smoothed"]);
});

test("smoothing of zero is off", async () => {
  const { page } = await open();
  const slider = page.getByRole("slider", { name: "Smoothing" });
  await slider.fill("0");
  await page
    .getByRole("status")
    .filter({ hasText: "off" })
    .or(page.getByText("off", { exact: true }))
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Show Loss as a table" }).click();
  const header = page.getByRole("grid", { name: "Values of Loss" }).getByRole("columnheader");
  await expect.poll(() => header.allTextContents()).toEqual(["Step", "Loss", "Eval loss"]);
});

test("the whole log is a table in which a value is found by its step, and is copied as CSV", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Table", exact: true }).click();
  const table = page.getByRole("grid", { name: "Training log" });
  await expect
    .poll(() => table.getByRole("columnheader").allTextContents())
    .toEqual(
      expect.arrayContaining([
        "Step",
        "Epoch",
        "Loss",
        "Eval loss",
        "Learning rate",
        "rewards/chosen",
        "eval_runtime",
      ]),
    );
  await page.getByRole("textbox").and(page.getByPlaceholder("Go to step")).fill("320");
  const row = table.locator('[aria-selected="true"]');
  await expect
    .poll(async () => (await row.getByRole("gridcell").allTextContents()).slice(0, 4))
    .toEqual(["320", expect.stringMatching(/^2(\.0+)?$/), expect.stringMatching(/^0\.9\d{4}$/), "1.12290"]);
  await page.getByRole("button", { name: "Copy all rows as CSV" }).click();
  await expect.poll(() => page.evaluate(() => window.__copiedTables.length)).toBe(1);
  const lines = (await page.evaluate(() => window.__copiedTables[0] ?? "")).trim().split("\r\n");
  expect(lines).toHaveLength(241);
  expect(lines[0]).toMatch(/^Step,Epoch,Loss,Eval loss,Learning rate,Gradient norm,/);
  expect(lines.find((line) => line.startsWith("192,"))).toMatch(/^192,1\.2,5\.75,,/);
  expect(lines.find((line) => line.startsWith("336,"))).toMatch(/^336,2\.1,NaN,,/);
});

test("metrics are chosen by family; what was chosen is there again when the tab is shown again", async () => {
  const { webview, page } = await open();
  await page.getByRole("button", { name: "Metrics 10 of 10" }).click();
  await page.getByRole("group", { name: "rewards" }).getByRole("button", { name: "none of rewards" }).click();
  await page.getByRole("checkbox", { name: "Gradient norm" }).click();
  await page.getByRole("checkbox", { name: "rewards/margins" }).click();
  await page.getByRole("slider", { name: "rewards/margins by step" }).waitFor();
  await page.getByRole("button", { name: "Metrics 7 of 10" }).waitFor();
  await page.getByRole("button", { name: "eval 1 chart" }).click();
  await page.getByRole("button", { name: "Epoch" }).click();
  await page.getByRole("button", { name: "Log scale" }).click();
  await page.getByRole("slider", { name: "Smoothing" }).fill("0.9");
  await page.getByRole("slider", { name: "Loss by epoch" }).focus();
  await page.keyboard.press("+");
  const zoom = page.getByRole("button", { name: /^Reset zoom epochs/ });
  const range = await zoom.textContent();
  await page.waitForTimeout(300); // kept state is written a moment later
  await webview.reload();
  await page.getByRole("slider", { name: "rewards/margins by epoch" }).waitFor();
  await expect.poll(() => page.getByRole("slider", { name: /Gradient norm|rewards.chosen/ }).count()).toBe(0);
  await expect
    .poll(() => page.getByRole("button", { name: "eval 1 chart" }).getAttribute("aria-expanded"))
    .toBe("false");
  await expect
    .poll(() => page.getByRole("button", { name: "Log scale" }).getAttribute("aria-pressed"))
    .toBe("true");
  await expect.poll(() => page.getByRole("slider", { name: "Smoothing" }).inputValue()).toBe("0.9");
  await expect.poll(() => zoom.textContent()).toBe(range);
});

test("the closing entry of the log is a list of facts", async () => {
  const { page } = await open();
  const facts = page.getByRole("table", { name: "Training as a whole" });
  await facts.getByRole("row", { name: "Planned steps 600 (logged up to 480, 80.0 %)" }).waitFor();
  await facts.getByRole("row", { name: "train_runtime 4,521.73 s (1 h 15 min)" }).waitFor();
  await expect.poll(() => page.getByRole("slider", { name: /train_runtime|Train loss/ }).count()).toBe(0);
});

test("a log without entries says when there will be some", async () => {
  const { page } = await open({ sample: "empty" });
  await page.getByText("No log entries yet.").waitFor();
  await page.getByText(/logging_steps/).waitFor();
  await expect.poll(() => page.locator("canvas").count()).toBe(0);
});

test("one point is a point", async () => {
  const { page } = await open({ sample: "onePoint" });
  const loss = page.getByRole("slider", { name: "Loss by step" });
  await expect
    .poll(() => loss.getAttribute("aria-valuetext"))
    .toBe("Loss: 1 value from step 10 to 10; latest 2.5; lowest 2.5 at step 10; highest 2.5 at step 10.");
});

test("a training that diverged is drawn as far as it goes, and says that it did", async () => {
  const { page } = await open({ sample: "notFinite" });
  await page.getByText("Loss: 155 values NaN or infinite, gaps marked ×").waitFor();
  await page.getByText("Gradient norm: 300 values NaN or infinite, gaps marked ×").waitFor();
  await page
    .getByText(/the training has diverged/)
    .first()
    .waitFor();
  await expect.poll(() => page.getByRole("button", { name: "Epoch" }).isDisabled()).toBe(true);
});

test("100,000 entries: drawn, zoomed and looked up, and never more DOM than fits", async () => {
  const { page } = await open({ sample: "long" });
  const loss = page.getByRole("slider", { name: "Loss by step" });
  await loss.focus();
  const zoomMs = await page.evaluate(async () => {
    const start = performance.now();
    document.activeElement?.dispatchEvent(
      new KeyboardEvent("keydown", { key: "+", bubbles: true, cancelable: true }),
    );
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - start;
  });
  await page.getByRole("button", { name: "Table", exact: true }).click();
  const table = page.getByRole("grid", { name: "Training log" });
  await page.getByRole("textbox").and(page.getByPlaceholder("Go to step")).fill("40000");
  await expect
    .poll(
      async () => (await table.locator('[aria-selected="true"]').getByRole("gridcell").allTextContents())[2],
    )
    .toBe("5.75000");
  await expect.poll(() => table.getAttribute("aria-rowcount")).toBe("100001");
  await expect.poll(() => page.locator("*").count()).toBeLessThan(3000);
  console.log(`zoom of 100,000 points with three charts: ${zoomMs.toFixed(0)} ms`);
});

test("a run that can't be read says why, and is read again on request", async () => {
  const { page } = await open({ sample: "failed" });
  await page.getByRole("alert").filter({ hasText: "The folder of this run no longer exists." }).waitFor();
  await page.getByRole("button", { name: "Read again" }).click();
  await page.getByRole("slider", { name: "Loss by step" }).waitFor();
});

test("names out of a log are text and nothing else", async () => {
  const { page } = await open({ sample: "hostile" });
  await page.getByRole("button", { name: /^Metrics/ }).click();
  for (const name of [/^<img src=x onerror/, "__proto__", "a⟨U+202E⟩gnp.x"]) {
    await page.getByRole("checkbox", { name, exact: true }).waitFor();
  }
  await page.getByRole("slider", { name: "a⟨U+202E⟩gnp.x by step" }).waitFor();
  await page.getByRole("slider", { name: "__proto__ by step" }).waitFor();
  await page.getByRole("button", { name: "Table", exact: true }).click();
  await page.getByRole("columnheader", { name: /^<img src=x onerror/ }).waitFor();
  expect(await page.title()).toBe("Checkpoint Explorer");
  await expect.poll(() => page.locator("img").count()).toBe(0);
});

test("axe finds nothing serious in any theme", async () => {
  const { webview, page } = await open();
  await page.getByRole("button", { name: /^Metrics/ }).click();
  await page.getByRole("slider", { name: "Loss by step" }).focus();
  await page.keyboard.press("End");
  await page.keyboard.press("+");
  expect(await webview.seriousProblems()).toEqual([]);
  await page.getByRole("button", { name: "Table", exact: true }).click();
  expect(await webview.seriousProblems()).toEqual([]);
});
