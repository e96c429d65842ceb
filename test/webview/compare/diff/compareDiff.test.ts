import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { eachComparePage, filter } from "../comparePage";

const { open, sent, seriousProblems } = eachComparePage();

const tensors = (page: Page) => page.getByRole("table", { name: "Tensors", exact: true });
const tensorRow = (page: Page, name: string) => tensors(page).getByRole("row").filter({ hasText: name });
const cells = (page: Page, name: string) => tensorRow(page, name).getByRole("cell").allTextContents();
const titles = (page: Page) =>
  tensors(page).locator("thead tr").last().getByRole("columnheader").allTextContents();
const names = (page: Page) =>
  tensors(page)
    .locator("tbody button")
    .evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label")));

async function compareValues(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Compare values" }).click();
  await page.getByText(/^Values compared: /).waitFor();
}

test("before values are compared: layouts and statuses, and how much there is to read", async () => {
  const page = await open({ sample: "models" });
  await page.getByText("Names, shapes and dtypes are compared. Values are 10.2 GB to read.").waitFor();
  expect(await titles(page)).toEqual(["Tensor", "Layout", "Layout"]);
  await page.getByRole("button", { name: "other dtype 1" }).click();
  await expect.poll(() => cells(page, "model.norm.weight")).toEqual(["F32 [2048]", "BF16 [2048]"]);
  await page.getByRole("status").filter({ hasText: "1 of 304 tensors" }).waitFor();
  await page.getByRole("button", { name: "added 1" }).click();
  await expect.poll(() => cells(page, "lm_head.weight")).toEqual(["not there", "BF16 [32000, 2048]"]);
});

test("comparing fills the columns, sorts by change and says what changed", async () => {
  const page = await open({ sample: "models" }, { viewport: { width: 1280, height: 1000 } });
  await compareValues(page);
  expect(await titles(page)).toEqual(["Tensor", "Layout", "Rel. L2", "Max |Δ|", "Cosine"]);
  const summary = page.getByRole("list", { name: "What changed" }).getByRole("listitem");
  await expect
    .poll(() => summary.allTextContents())
    .toEqual([
      expect.stringMatching(
        /^base-model → merged-model: 261 of 301 tensors changed, relative L2 \d\.\d %, 1 tensor with new NaN or infinity, most in model\.layers\.29\.part_9\.weight \(12\.0 %\)$/,
      ),
    ]);
  // Layouts that differ, then NaN, then the largest change.
  await expect
    .poll(async () => (await names(page)).slice(0, 6))
    .toEqual([
      "lm_head.weight, added",
      "model.embed_tokens.weight, other shape",
      "model.rotary.inv_freq, removed",
      "model.layers.4.part_3.weight, changed",
      "model.layers.29.part_9.weight, changed",
      "model.layers.28.part_9.weight, changed",
    ]);
  expect(await cells(page, "layers.29.part_9")).toEqual(["F32 [2048, 2048]", "12.0 %", "0.08400", "0.9928"]);
  expect(await cells(page, "layers.4.part_3")).toEqual([
    "F32 [2048, 2048]",
    "3 NaN/Inf",
    "0.005600",
    "> 0.9999",
  ]);
  await page.getByRole("button", { name: "equal 39" }).click();
  await filter(page, "Filter tensors by words").fill("layers.7");
  await expect.poll(() => names(page)).toEqual(["model.layers.7.part_7.weight, equal"]);
  expect(await cells(page, "layers.7.part_7")).toEqual(["F32 [2048, 2048]", "equal", "0", "1"]);
});

test("sorting by a number and by name, copying what is shown", async () => {
  const page = await open({ sample: "models" }, { viewport: { width: 1280, height: 1000 } });
  await compareValues(page);
  await filter(page, "Filter tensors by words").fill("layers.3.");
  await page.getByRole("button", { name: "Max |Δ| in merged-model" }).click();
  await expect.poll(async () => (await names(page))[0]).toBe("model.layers.3.part_9.weight, changed");
  await page.getByRole("button", { name: "Max |Δ| in merged-model" }).click();
  await expect.poll(async () => (await names(page))[0]).toBe("model.layers.3.part_7.weight, equal");
  await page.getByRole("button", { name: "Tensor", exact: true }).click();
  await expect.poll(async () => (await names(page))[0]).toBe("model.layers.3.part_0.weight, changed");
  await page.getByRole("button", { name: "Copy the tensor table as CSV" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(1);
  const [copied] = (await sent("copy")) as { params: { text: string; what: string } }[];
  expect(copied?.params.what).toBe("10 tensors as CSV");
  expect(copied?.params.text.split("\r\n")[1]).toMatch(
    /^model\.layers\.3\.part_0\.weight,changed,"F32 \[2048, 2048\]","F32 \[2048, 2048\]",0\.0016/,
  );
});

test("a tensor in depth: numbers, histogram, first differences; by pointer and by keys", async () => {
  const page = await open({ sample: "models" }, { viewport: { width: 1280, height: 1000 } });
  await compareValues(page);
  await page.getByRole("button", { name: "model.layers.29.part_9.weight", exact: true }).click();
  const pane = page.getByRole("region", { name: "Differences of the tensor" });
  await pane.getByRole("heading", { name: "model.layers.29.part_9.weight" }).waitFor();
  const differences = pane.getByRole("table", { name: "Differences" });
  await expect.poll(() => differences.getByRole("row").first().textContent()).toBe("Relative L20.12");
  await expect
    .poll(() => differences.getByRole("row").nth(4).textContent())
    .toBe("Changed100 % of 4,194,304 values");
  await pane.getByRole("slider", { name: /^Histogram of the difference/ }).waitFor();
  await expect
    .poll(() =>
      pane.getByRole("table", { name: "First values that differ" }).getByRole("row").nth(1).textContent(),
    )
    .toContain("[0, 17]");
  await tensors(page)
    .getByRole("button", { name: /^model\.layers\.29\.part_9/ })
    .focus();
  await page.keyboard.press("ArrowDown");
  await pane.getByRole("heading", { name: "model.layers.28.part_9.weight" }).waitFor();
  await page.keyboard.press("Escape");
  await pane.waitFor({ state: "detached" });
});

test("it can be stopped, goes on, and a file that changed takes the numbers away", async () => {
  const page = await open({ sample: "models", diff: "stalls" });
  await page.getByRole("button", { name: "Compare values" }).click();
  await page.getByText(/^Comparing values: 7\.65 GB of 10\.2 GB, 1\.21 GB\/s, 2 s left$/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Stopped. What was compared stands.").waitFor();
  await page.getByRole("button", { name: "Go on comparing values" }).waitFor();
  const failed = await open({ sample: "models", diff: "fails" });
  await failed.getByRole("button", { name: "Compare values" }).click();
  await failed
    .getByText(/The values could not be compared\. .*The file changed while it was read\./)
    .waitFor();
  await failed.getByRole("button", { name: "Read the snapshots again" }).first().waitFor();
  await filter(failed, "Filter tensors by words").fill("layers.29.part_9");
  await expect
    .poll(() => cells(failed, "layers.29.part_9"))
    .toEqual(["F32 [2048, 2048]", "F32 [2048, 2048]"]);
});

test("three models: against the first, or each against its left neighbour", async () => {
  const page = await open({ sample: "threeModels" }, { viewport: { width: 1400, height: 900 } });
  await compareValues(page);
  await filter(page, "Filter tensors by words").fill("layers.9.part_1.");
  await expect.poll(async () => (await cells(page, "part_1"))[1]).toBe("0.80 %");
  expect((await cells(page, "part_1"))[4]).toBe("1.6 %");
  await page.getByRole("button", { name: "against the left neighbour" }).click();
  await expect.poll(async () => (await cells(page, "part_1"))[4]).toBe("2.4 %");
});

test("what optimizers keep is folded below the weights, and no part of what is said of these", async () => {
  const page = await open({ sample: "models", states: 12 }, { viewport: { width: 1280, height: 1400 } });
  await compareValues(page);
  await page.getByRole("status").filter({ hasText: "304 tensors" }).waitFor();
  await page.getByText("261 of 301 tensors changed").waitFor();
  expect((await names(page)).some((name) => name?.startsWith("optimizer."))).toBe(false);
  await filter(page, "Filter tensors by words").fill("layers.9");
  await page.getByRole("button", { name: "Optimizer state and other values 12 tensors" }).click();
  const states = page.getByRole("table", { name: "Optimizer state and other values" });
  const first = states.getByRole("button", { name: "optimizer.state.layers.9.exp_avg, changed" });
  await first.click();
  await page
    .getByRole("region", { name: "Differences of the tensor" })
    .getByRole("heading", { name: "optimizer.state.layers.9.exp_avg" })
    .waitFor();
  await page.getByRole("button", { name: "Optimizer state and other values 12 tensors" }).click();
  await states.waitFor({ state: "detached" });
});

test("89,088 tensors: a window of rows, whatever is scrolled to", async () => {
  const page = await open({ sample: "manyTensors" });
  await page.getByRole("status").filter({ hasText: "89,092 tensors" }).waitFor();
  await compareValues(page);
  await expect.poll(() => tensors(page).locator("tbody tr").count()).toBeLessThan(80);
  await page.locator(".compare-scroll").evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect.poll(async () => (await names(page)).length).toBeGreaterThan(5);
  await expect.poll(() => tensors(page).locator("tbody tr").count()).toBeLessThan(80);
}, 90_000);

test("axe finds nothing serious in any theme", async () => {
  const page = await open({ sample: "models" }, { viewport: { width: 1400, height: 1000 } });
  await compareValues(page);
  await page.getByRole("button", { name: "model.layers.29.part_9.weight", exact: true }).click();
  await page.getByRole("table", { name: "Differences" }).waitFor();
  expect(await seriousProblems()).toEqual([]);
});
