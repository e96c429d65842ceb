import { afterEach, expect, test } from "vitest";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function openLora(options: EditorHostOptions = {}): Promise<EditorPage> {
  editor = await EditorPage.open(options, { viewport: { width: 1400, height: 800 } });
  await editor.showTab("LoRA");
  return editor;
}

test("one row a module, with every number the design asks for", async () => {
  const opened = await openLora();
  await opened.rows.waitFor();
  const titles = await opened.rows.getByRole("columnheader").allInnerTexts();
  // What all modules' names begin with is said once, beside the title.
  expect(titles[0]).toMatch(/^Module\s+model\.layers\.$/);
  expect(titles.slice(1)).toEqual([
    "Rank",
    "Alpha",
    "Scale",
    "Out × in",
    "‖A‖",
    "‖B‖",
    "‖ΔW‖",
    "σ₁",
    "Stable rank",
    "Eff. rank",
    "Rank 99 %",
  ]);
  const firstRow = [0, 1, 2, 3, 4].map(async (column) => (await opened.column(column))[0]);
  expect(await Promise.all(firstRow)).toEqual([
    "model.layers.0.self_attn.k_proj",
    "8",
    "16",
    "2",
    "256 × 256",
  ]);
  await expect.poll(() => opened.page.getByText("tiny-decoder/base").count()).toBe(1);
});

test("sorting by ‖ΔW‖ puts the largest first, and what could not be computed last either way", async () => {
  const opened = await openLora();
  const header = opened.rows.getByRole("columnheader", { name: "‖ΔW‖" });
  for (const direction of ["descending", "ascending"]) {
    await header.getByRole("button").click();
    await expect.poll(() => header.getAttribute("aria-sort")).toBe(direction);
    const values = (await opened.column(7)).slice(0, -1).map(Number);
    const sorted = [...values].sort((a, b) => (direction === "ascending" ? a - b : b - a));
    expect(values).toEqual(sorted);
    expect((await opened.column(7)).at(-1)).toBe("–");
  }
});

test("the selected module shows its singular values, and they are kept when the page comes back", async () => {
  const opened = await openLora();
  await opened.filter("Filter modules by name").fill("3 q_proj");
  await opened.rows.locator("[data-row='0']").click();
  const detail = opened.page.getByRole("region", { name: "Module details" });
  await expect.poll(() => detail.innerText()).toContain("model.layers.3.self_attn.q_proj");
  expect((await detail.innerText()).replace(/\s+/g, " ")).toContain("ΔW 256 × 256 = 2 · B · A");
  await expect.poll(() => detail.locator("canvas").count()).toBe(1);
  await opened.hideAndShow();
  await expect.poll(() => detail.innerText()).toContain("model.layers.3.self_attn.q_proj");
  await expect.poll(() => opened.filter("Filter modules by name").inputValue()).toBe("3 q_proj");
});

test("a module whose factors hold NaN says why it has no norms", async () => {
  const opened = await openLora();
  await opened.filter("Filter modules by name").fill("5 o_proj");
  await opened.rows.locator("[data-row='0']").click();
  await opened.page.getByText("lora_B holds 3 NaN.").waitFor();
});

test("findings lead to the modules they are about", async () => {
  const opened = await openLora();
  const findings = opened.page.getByRole("region", { name: "Findings 2" });
  await expect.poll(() => findings.innerText()).toContain("and 19 more modules");
  await findings.getByRole("button", { name: "model.layers.0.self_attn.o_proj" }).click();
  const detail = opened.page.getByRole("region", { name: "Module details" });
  await expect.poll(() => detail.innerText()).toContain("1 duplicate component");
});

test("a base model that is beside the adapter shows how large each update is in it", async () => {
  const opened = await openLora({ base: "/home/ada/models/tiny-base" });
  await opened.page.getByText("‖ΔW‖ is 3.1 % of ‖W‖ over 22 modules of tiny-base").waitFor();
  await opened.page.getByText(/1 module has no weight in the base model/).waitFor();
  const header = opened.rows.getByRole("columnheader", { name: "of ‖W‖" });
  await header.getByRole("button").click();
  await expect.poll(() => header.getAttribute("aria-sort")).toBe("descending");
  const values = (await opened.column(8)).slice(0, -2).map((text) => Number.parseFloat(text ?? ""));
  expect(values).toHaveLength(22);
  expect(values).toEqual([...values].sort((a, b) => b - a));
  // The module without a base weight, and the one without norms.
  expect((await opened.column(8)).slice(-2)).toEqual(["–", "–"]);
});

test("a base model can be chosen where none is known, and asked about one module", async () => {
  const opened = await openLora({ chosenBase: "/home/ada/models/chosen" });
  await opened.rows.locator("[data-row='0']").click();
  const detail = opened.page.getByRole("region", { name: "Module details" });
  await detail.getByText("They are told from the base weight.").waitFor();
  await opened.page.getByRole("button", { name: "Choose base model…" }).first().click();
  await opened.page.getByText(/of ‖W‖ over 22 modules of chosen/).waitFor();
  await detail.getByRole("button", { name: "Look for them" }).click();
  await detail
    .getByText("1 of the 3 strongest directions of W + ΔW is like none of W's (|cosine| below 0.5).")
    .waitFor();
  const rows = detail.getByRole("table", { name: "Strongest directions of W + ΔW" }).getByRole("row");
  expect((await rows.allInnerTexts()).map((text) => text.split(/\s+/).slice(-1)[0])).toEqual([
    "Intruder",
    "yes",
    "no",
    "no",
  ]);
  expect(await opened.sent("intruders")).toEqual([
    { base: "/home/ada/models/chosen", module: "model.layers.0.self_attn.k_proj" },
  ]);
});

test("looking for intruder dimensions can be stopped", async () => {
  const opened = await openLora({ base: "/home/ada/models/tiny-base", intrudersMs: 60_000 });
  await opened.rows.locator("[data-row='0']").click();
  await opened.page.getByRole("button", { name: "Look for them" }).click();
  await opened.page.getByRole("button", { name: "Cancel" }).click();
  await opened.page.getByRole("button", { name: "Look for them" }).waitFor();
});

test("computing can be cancelled, and asked for again", async () => {
  const opened = await openLora({ loraMs: 60_000 });
  await opened.page.getByRole("progressbar", { name: /computing norms/ }).waitFor();
  await opened.page.getByText("5 of 24").waitFor();
  await opened.page.getByRole("button", { name: "Cancel" }).click();
  await opened.page.getByText("The norms were not computed.").waitFor();
  const messages = (await opened.webview.sentMessages()) as { type?: string }[];
  expect(messages.filter(({ type }) => type === "cancel")).toHaveLength(1);
  await opened.page.getByRole("button", { name: "Compute them" }).click();
  await opened.page.getByRole("progressbar").waitFor();
});

test("modules stay where they are when the last one is measured", async () => {
  const opened = await openLora({ loraMs: 3000 });
  await opened.page.getByText("5 of 24").waitFor();
  const toolbar = opened.page.getByRole("textbox", { name: "Filter modules by name" });
  const findings = opened.page.locator(".lora-findings");
  // Findings are told above, whenever they come.
  const belowFindings = async () => {
    const height = (await findings.count()) === 0 ? 0 : ((await findings.boundingBox())?.height ?? 0);
    return ((await toolbar.boundingBox())?.y ?? Number.NaN) - height;
  };
  const before = await belowFindings();
  await opened.page.getByText("The base model is not beside the adapter.").waitFor();
  await expect.poll(belowFindings).toBeCloseTo(before, 0);
});

test("the training log is drawn by the training panel", async () => {
  const opened = await openLora();
  await opened.showTab("Training");
  await expect.poll(() => opened.page.locator("canvas").count()).toBeGreaterThan(0);
});

test("a method without factors is held against its base", async () => {
  const opened = await openLora({ sample: "factorless", chosenBase: "/models/tiny" });
  await opened.page
    .getByText("What this method changes follows from the weights of its base model.")
    .waitFor();
  await opened.page.getByText("Choose base model…").click();
  const table = opened.page.getByRole("grid", { name: "Modules over the base model" });
  await expect.poll(() => table.locator("[data-row]").allInnerTexts()).toHaveLength(2);
  const [first = ""] = await table.locator("[data-row]").allInnerTexts();
  expect(first.replace(/\s+/g, " ")).toContain("0.mlp.down_proj 2");
  expect(first).toContain("10");
});
