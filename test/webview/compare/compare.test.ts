import { expect, test } from "vitest";
import { compareSamples } from "../fakeHost/compare/compareSamples";
import {
  columnLabels,
  eachComparePage,
  filter,
  moduleNames,
  moduleRow,
  modules,
  snapshots,
  stages,
} from "./comparePage";

const { open, sent, seriousProblems } = eachComparePage();

test("three stages side by side: where they come from, what they cost, which is best", async () => {
  const page = await open();
  await expect.poll(() => columnLabels(page)).toEqual(["01-svd", "02-rank-reduction", "checkpoint-240"]);
  const row = (title: string) =>
    snapshots(page)
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: title, exact: true }) })
      .getByRole("cell")
      .allTextContents();
  expect(await row("Rank")).toEqual(["32", "4", "4"]);
  expect(await row("Eval loss")).toEqual(["1.9142", "2.0311", "lowest1.6534"]);
  expect(await row("Loss")).toEqual(["–", "–", "1.4218"]);
  expect(await row("Cosine with first")).toEqual([
    "–",
    expect.stringMatching(/^0\.\d{4}$/),
    expect.stringMatching(/^0\.\d{4}$/),
  ]);
  const stage = page.getByRole("button", {
    name: /^Stage of 02-rank-reduction: rank-reduction inferred\s*. Set the stage.$/,
  });
  await expect
    .poll(() => stage.getAttribute("title"))
    .toBe("Inferred: the folder is called 02-rank-reduction. Click to set the stage.");
  await stage.click();
  await expect
    .poll(() => sent("setStage"))
    .toMatchObject([{ params: { path: "/runs/pipeline/02-rank-reduction" } }]);
});

test("the module table says what was computed, in the words and digits of the view", async () => {
  const page = await open();
  const view = stages();
  const [first] = view.modules;
  const [a, b] = first?.cells ?? [];
  const row = moduleRow(page, "model.layers.0.self_attn.q_proj");
  await row.waitFor();
  const cells = await row.getByRole("cell").allTextContents();
  expect(cells.slice(0, 6)).toEqual([
    "32",
    a?.frobenius?.toPrecision(4),
    "4",
    b?.frobenius?.toPrecision(4),
    `${((b?.relativeChange ?? 0) * 100).toFixed(1)} %`,
    b?.cosine?.toFixed(4),
  ]);
});

test("sorting by the change of a snapshot, by the largest change, and by name again", async () => {
  const page = await open({}, { viewport: { width: 1280, height: 1200 } });
  const view = stages();
  const byChange = [...view.modules]
    .sort((x, y) => (y.cells[2]?.relativeChange ?? 0) - (x.cells[2]?.relativeChange ?? 0))
    .map(({ module }) => module);
  await page.getByRole("button", { name: "Change in checkpoint-240" }).click();
  await expect.poll(() => moduleNames(page)).toEqual(byChange);
  const header = page.getByRole("columnheader", { name: "Change in checkpoint-240" });
  await expect.poll(() => header.getAttribute("aria-sort")).toBe("descending");
  await page.getByRole("button", { name: "Change in checkpoint-240" }).click();
  await expect.poll(() => moduleNames(page)).toEqual([...byChange].reverse());
  await page.getByRole("combobox", { name: "Sort modules" }).click();
  await page.getByRole("option", { name: "Largest change first" }).click();
  await expect.poll(async () => (await moduleNames(page))[0]).not.toBe("model.layers.0.self_attn.q_proj");
  await modules(page).getByRole("button", { name: "Module", exact: true }).click();
  await expect.poll(async () => (await moduleNames(page))[0]).toBe("model.layers.0.self_attn.q_proj");
});

test("filter by words and by what is not the same everywhere", async () => {
  const page = await open({ sample: "unlike" });
  await filter(page, "Filter modules by words").fill("layers.0 proj");
  await page.getByRole("status").filter({ hasText: "5 of 25 modules" }).waitFor();
  await expect
    .poll(() => moduleRow(page, "model.layers.0.self_attn.q_proj").getByRole("cell").last().textContent())
    .toBe("not adapted");
  const added = await moduleRow(page, "model.layers.0.mlp.gate_proj").getByRole("cell").allTextContents();
  expect([added[0], added[1], added[3]]).toEqual(["not adapted", "16", "added"]);
  await filter(page, "Filter modules by words").fill("");
  await page.getByRole("combobox", { name: "Which modules" }).click();
  await page.getByRole("option", { name: "Not computable (1)" }).click();
  const cell = moduleRow(page, "model.layers.2.self_attn.q_proj").getByRole("cell").last();
  await expect.poll(() => moduleNames(page)).toEqual(["model.layers.2.self_attn.q_proj"]);
  await expect.poll(() => cell.getAttribute("title")).toBe("lora_B holds 3 NaN");
  await filter(page, "Filter modules by words").fill("nothing has this name");
  await page.getByRole("button", { name: "Show all modules" }).click();
  await page.getByRole("status").filter({ hasText: "25 modules" }).waitFor();
});

test("singular values of the selected module, over each other, as energy and as a table", async () => {
  const page = await open();
  await page.getByRole("button", { name: "model.layers.0.self_attn.k_proj" }).click();
  const chart = page.getByRole("slider", { name: "Singular values of ΔW by k" });
  await chart.focus();
  await page.keyboard.press("Home");
  const [full, , tuned] = compareSamples.stages?.() ?? [];
  const sigma = full?.modules.get("model.layers.0.self_attn.k_proj") ?? new Float64Array();
  const tunedSigma = tuned?.modules.get("model.layers.0.self_attn.k_proj") ?? new Float64Array();
  await expect
    .poll(() => chart.getAttribute("aria-valuetext"))
    .toContain(`K 1; 01-svd ${Number((sigma[0] ?? 0).toPrecision(5))}`.replace("K", "k"));
  await page.getByRole("button", { name: "Show Singular values of ΔW as a table" }).click();
  const table = page.getByRole("grid", { name: "Values of Singular values of ΔW" });
  const row = table.getByRole("row").filter({ has: page.getByRole("gridcell", { name: "1", exact: true }) });
  await expect
    .poll(async () => (await row.first().getByRole("gridcell").allTextContents()).map(Number))
    .toEqual([
      1,
      Number((sigma[0] ?? 0).toPrecision(5)),
      Number((sigma[0] ?? 0).toPrecision(5)),
      Number((tunedSigma[0] ?? 0).toPrecision(5)),
    ]);
  await page.getByRole("button", { name: "Energy" }).click();
  const lastEnergy = page
    .getByRole("grid", { name: "Values of Energy kept by the first k" })
    .getByRole("row")
    .filter({ has: page.getByRole("gridcell", { name: "4", exact: true }) });
  await expect
    .poll(async () => Number((await lastEnergy.first().getByRole("gridcell").allTextContents())[2]))
    .toBe(1);
  await page.getByRole("button", { name: "Close details" }).click();
  await expect.poll(() => page.getByRole("region", { name: "Module details" }).count()).toBe(0);
});

test("arrow keys go from module to module and take the details along", async () => {
  const page = await open();
  await page.getByRole("button", { name: "model.layers.0.self_attn.q_proj" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const details = page.getByRole("region", { name: "Module details" });
  await details.getByRole("heading", { name: "model.layers.0.self_attn.v_proj" }).waitFor();
  await page.keyboard.press("End");
  await details.getByRole("heading", { name: "model.layers.5.self_attn.o_proj" }).waitFor();
  const last = page.getByRole("button", { name: "model.layers.5.self_attn.o_proj" });
  await expect.poll(() => last.evaluate((button) => button === document.activeElement)).toBe(true);
  await page.keyboard.press("Escape");
  await expect.poll(() => details.count()).toBe(0);
});

test("15,000 cells: few rows in the DOM, the end is reached with one key, and columns sort", async () => {
  const page = await open({ sample: "long" });
  await page.getByRole("status").filter({ hasText: "5,000 modules" }).waitFor();
  await expect.poll(() => modules(page).getAttribute("aria-rowcount")).toBe("5002");
  await expect.poll(() => page.locator("*").count()).toBeLessThan(2500);
  await page.getByRole("button", { name: "model.layers.0.self_attn.q_proj" }).focus();
  await page.keyboard.press("End");
  await page.getByRole("button", { name: "model.layers.1249.self_attn.o_proj" }).waitFor();
  const sortMs = await page.evaluate(async () => {
    const start = performance.now();
    document.querySelector<HTMLElement>('[aria-label="Change in c"]')?.click();
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve));
    return performance.now() - start;
  });
  console.log(`sort of 5,000 modules: ${sortMs.toFixed(0)} ms`);
  await expect
    .poll(() => page.getByRole("columnheader", { name: "Change in c" }).getAttribute("aria-sort"))
    .toBe("descending");
});

test("snapshots that share no module say so", async () => {
  const page = await open({ sample: "nothingCommon" });
  await page.getByText(/No module is adapted by more than one of these snapshots/).waitFor();
});

test("snapshots that are no adapters: their tensors, by what became of them", async () => {
  const page = await open({ sample: "models" });
  const table = page.getByRole("table", { name: "Tensors" });
  await page.getByRole("button", { name: "other dtype 1" }).click();
  const row = table.getByRole("row").filter({ hasText: "model.norm.weight" });
  await expect.poll(() => row.getByRole("cell").allTextContents()).toEqual(["F32 [2048]", "BF16 [2048]"]);
  await page.getByRole("status").filter({ hasText: "1 of 304 tensors" }).waitFor();
  await page.getByRole("button", { name: "added 1" }).click();
  await expect
    .poll(() =>
      table.getByRole("row").filter({ hasText: "lm_head.weight" }).getByRole("cell").allTextContents(),
    )
    .toEqual(["not there", "BF16 [32000, 2048]"]);
});

test("the table is copied as it is shown: filtered, sorted, in these columns", async () => {
  const page = await open();
  await filter(page, "Filter modules by words").fill("layers.5");
  await page.getByRole("button", { name: "Rank in 01-svd" }).waitFor();
  await page.getByRole("button", { name: "Columns 4 of 7" }).click();
  for (const column of ["Rank", "Change", "Cosine"])
    await page.getByRole("checkbox", { name: column, exact: true }).click();
  await page.getByRole("button", { name: "Copy the module table as CSV" }).click();
  await page.getByRole("button", { name: "Copy the module table as Markdown" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(2);
  const [csv, markdown] = (await sent("copy")) as { params: { text: string; what: string } }[];
  const view = stages();
  const row = view.modules.find(({ module }) => module === "model.layers.5.self_attn.q_proj");
  expect(csv?.params.text.split("\r\n").slice(0, 2)).toEqual([
    "Module,01-svd ‖ΔW‖,02-rank-reduction ‖ΔW‖,checkpoint-240 ‖ΔW‖",
    `model.layers.5.self_attn.q_proj,${row?.cells.map((cell) => cell?.frobenius).join(",")}`,
  ]);
  expect(csv?.params.what).toBe("4 modules as CSV");
  expect(markdown?.params.text.split("\n")[1]).toBe("| --- | ---: | ---: | ---: |");
});

test("names out of checkpoints are text and nothing else", async () => {
  const page = await open({ sample: "hostile" });
  await page
    .getByRole("button", { name: /^<img src=x onerror/ })
    .last()
    .click();
  await page
    .getByRole("region", { name: "Module details" })
    .getByRole("heading", { name: /^<img src=x onerror/ })
    .waitFor();
  await page.getByRole("button", { name: "a⟨U+202E⟩gnp.x" }).waitFor();
  expect(await page.title()).toBe("Checkpoint Explorer");
  await expect.poll(() => page.locator("img").count()).toBe(0);
});

test("axe finds nothing serious in any theme", async () => {
  const page = await open();
  await page.getByRole("button", { name: /^Columns/ }).click();
  await page.getByRole("button", { name: "model.layers.0.self_attn.k_proj" }).click();
  await page.getByRole("slider", { name: "Singular values of ΔW by k" }).waitFor();
  expect(await seriousProblems()).toEqual([]);
  await page.getByRole("button", { name: "Actions for 01-svd" }).click();
  expect(await seriousProblems()).toEqual([]);
});
