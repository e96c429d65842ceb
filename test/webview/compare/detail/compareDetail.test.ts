import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { details, eachComparePage, filter } from "../comparePage";

const { open, sent, seriousProblems } = eachComparePage();

async function openModule(
  adapters: string,
  module: string,
  more: Parameters<typeof open>[1] = {},
): Promise<Page> {
  const page = await open({ adapters }, { viewport: { width: 1280, height: 1000 }, ...more });
  await filter(page, "Filter modules by words").fill(module);
  await page.getByRole("button", { name: module, exact: true }).click();
  await details(page).getByRole("tab", { name: "Spectrum" }).first().waitFor();
  return page;
}

const tab = (page: Page, name: string) => details(page).getByRole("tab", { name }).first().click();

test("the spaces of two snapshots: what they share, direction by direction, and their angles", async () => {
  const page = await openModule("pipeline", "model.layers.9.self_attn.v_proj");
  await tab(page, "Subspaces");
  const map = page.getByRole("slider", { name: "Input spaces of 01-svd and 02-rank-reduction" });
  // The reduction's four directions lie within the sixteen.
  await expect.poll(() => map.getAttribute("aria-valuetext")).toBe("φ(16, 4) = 1.000");
  await map.focus();
  await page.keyboard.press("Home");
  await expect.poll(() => map.getAttribute("aria-valuetext")).toBe("φ(1, 1) = 1.000");
  await page.getByRole("combobox", { name: "Which two snapshots" }).click();
  await page.getByRole("option", { name: "02-rank-reduction and 03-fine-tuning" }).click();
  const tuned = page.getByRole("slider", { name: "Input spaces of 02-rank-reduction and 03-fine-tuning" });
  await expect.poll(() => tuned.getAttribute("aria-valuetext")).toMatch(/^φ\(4, 4\) = 0\.\d{3}$/);
  await details(page)
    .getByText(/^ΔW changed by \d+\.\d % · cosine 0\.\d{4} · \d+\.\d % of the energy kept/)
    .first()
    .waitFor();
  await page.getByRole("slider", { name: "Principal angles by k" }).waitFor();
  await page.getByRole("button", { name: "Show the input spaces as a table" }).click();
  const table = page.getByRole("table", { name: "Input spaces of 02-rank-reduction and 03-fine-tuning" });
  await expect.poll(() => table.getByRole("row").count()).toBe(5);
  await page.getByRole("button", { name: "Copy the input spaces as CSV" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(1);
});

test("any two of many snapshots, also those that are neither neighbours nor with the first", async () => {
  const page = await openModule("many", "model.layers.9.self_attn.v_proj");
  await tab(page, "Subspaces");
  await page.getByRole("combobox", { name: "Which two snapshots" }).click();
  await page.getByRole("option", { name: "checkpoint-300 and checkpoint-700" }).click();
  const map = page.getByRole("slider", { name: "Output spaces of checkpoint-300 and checkpoint-700" });
  await expect.poll(() => map.getAttribute("aria-valuetext")).toMatch(/^φ\(4, 4\) = 0\.\d{3}$/);
  expect(await sent("modulePair")).toMatchObject([
    { params: { module: "model.layers.9.self_attn.v_proj", a: 2, b: 6 } },
  ]);
});

test("norms of rows and columns, and how the values of the factors spread", async () => {
  const page = await openModule("pipeline", "model.layers.9.self_attn.v_proj");
  await tab(page, "Norms");
  await page.getByRole("slider", { name: "Norms: Rows of ΔW (outputs) by output" }).waitFor();
  await page.getByRole("combobox", { name: "Norms of what" }).click();
  await page.getByRole("option", { name: "Rows of A (components)" }).click();
  const components = page.getByRole("slider", { name: "Norms: Rows of A (components) by component" });
  await components.focus();
  await page.keyboard.press("Home");
  await expect.poll(() => components.getAttribute("aria-valuetext")).toMatch(/^Component 1; 01-svd [\d.]+/);
  await expect.poll(() => components.getAttribute("aria-valuemax")).toBe("16");
  await tab(page, "Values");
  await page.getByRole("slider", { name: "Values of A by value" }).waitFor();
  await page.getByRole("slider", { name: "Values of B by value" }).waitFor();
});

test("where a recipe moved the base, the spectrum of the true change", async () => {
  const page = await openModule("odd", "model.layers.1.self_attn.q_proj");
  await page.getByRole("button", { name: "Change since pissa-init" }).click();
  const chart = page.getByRole("slider", { name: "Singular values of the true change by k" });
  await chart.focus();
  await page.keyboard.press("Home");
  // The start has not changed from itself, and has no line.
  await expect
    .poll(() => chart.getAttribute("aria-valuetext"))
    .toMatch(/^k 1; trained [\d.]+.*rewritten [\d.]+/);
  await expect.poll(() => chart.getAttribute("aria-valuetext")).not.toContain("pissa-init");
});

test("a module that a snapshot lacks, and one whose factors hold NaN, say so", async () => {
  const page = await openModule("odd", "model.layers.2.self_attn.q_proj");
  const absences = page.getByRole("list", { name: "Snapshots without this module" });
  await absences.getByText(/^broken: .*(NaN|finite)/).waitFor();
  await filter(page, "Filter modules by words").fill("layers.6");
  await page.getByRole("button", { name: "model.layers.6.self_attn.q_proj", exact: true }).click();
  await absences.getByText("trained does not adapt this module.").waitFor();
  await tab(page, "Subspaces");
  await page.getByText("No two snapshots have an update of this module that can be compared.").waitFor();
});

test("axe finds nothing serious in any theme", async () => {
  const page = await openModule("pipeline", "model.layers.9.self_attn.v_proj");
  for (const name of ["Subspaces", "Norms", "Values", "Base", "Spectrum"]) {
    await tab(page, name);
    const shown =
      name === "Base" ? details(page).getByText("Choose base model…") : details(page).getByRole("slider");
    await shown.first().waitFor();
    expect(await seriousProblems(), name).toEqual([]);
  }
}, 120_000); // axe goes over five tabs in three themes

test("an update is held against its base weight, and looked through for intruders, once the base is chosen", async () => {
  const page = await openModule("pipeline", "model.layers.9.self_attn.v_proj");
  await tab(page, "Base");
  const part = page.getByRole("region", { name: "02-rank-reduction and its base" });
  await part.getByText("The base model is not beside the snapshot.").waitFor();
  await part.getByRole("button", { name: "Choose base model…" }).click();
  await part.getByText("chosen", { exact: true }).waitFor();
  await part.getByRole("button", { name: "Look for them" }).click();
  await part.getByText("1 of the 1 strongest directions of W + ΔW is like none of W's").waitFor();
  await part.getByRole("button", { name: "Measure against the base" }).click();
  await part.getByText("‖ΔW‖ is 1.2 % of ‖W‖ in this module, 3.1 % over 1 module.").waitFor();
  const asked = { base: "/models/chosen", path: expect.stringContaining("02-rank-reduction") };
  expect(await sent("intruders")).toMatchObject([
    { params: { ...asked, module: "model.layers.9.self_attn.v_proj" } },
  ]);
  expect(await sent("compareWithBase")).toMatchObject([{ params: asked }]);
  // The other snapshots have bases of their own.
  const other = page.getByRole("region", { name: "01-svd and its base" });
  await other.getByRole("button", { name: "Choose base model…" }).waitFor();
});
