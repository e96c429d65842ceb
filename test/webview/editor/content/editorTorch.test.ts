import { afterEach, describe, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import type { SampleName } from "../../fakeHost/editor/editorSamples";
import { manyParameters } from "../../fakeHost/editor/torchSamples";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function open(sample: SampleName): Promise<EditorPage> {
  editor = await EditorPage.open({ sample });
  await editor.page.getByRole("tab").first().waitFor();
  return editor;
}

describe("Optimizer", () => {
  test("an optimizer's file opens on it: kind with its reason, groups, names and memory", async () => {
    const { page } = await open("optimizer");
    await page.getByRole("tab", { name: "Optimizer", selected: true }).waitFor();
    await page.getByText("AdamW writes foreach before maximize").waitFor();
    const groups = page.getByRole("region", { name: "Parameter groups" }).last();
    await expect
      .poll(() => groups.locator("tr.differs").allInnerTexts())
      .toEqual([expect.stringMatching(/weight_decay.*0\.01.*0\.0/s)]);
    await expect.poll(() => page.getByText("inferred by order and shape").count()).toBe(1);
    await expect.poll(() => page.getByText(/bytes a parameter/).count()).toBe(1);
  });

  test("a parameter is found by its name, and its exp_avg leads to the tensor", async () => {
    const opened = await open("optimizer");
    await opened.filter("Filter parameters by name").fill("layers.3 k_proj lora_B");
    await expect.poll(() => opened.rows.locator("[data-row]").count()).toBe(1);
    const row = opened.rows.locator("[data-row='0']");
    await expect
      .poll(() => row.locator(".inferred-mark").getAttribute("title"))
      .toContain("every known shape fits");
    await row.getByRole("button").nth(1).click();
    await opened.page.getByRole("tab", { name: /Tensors/, selected: true }).waitFor();
    await expect.poll(() => opened.page.locator(".detail-name").innerText()).toBe("state.27.exp_avg");
  });

  test("by keyboard: arrows select, the details list the state, Enter opens the moment", async () => {
    const opened = await open("optimizer");
    await opened.rows.locator("[data-row='0']").waitFor();
    await opened.rows.focus();
    await opened.page.keyboard.press("ArrowDown");
    await opened.page.keyboard.press("ArrowDown");
    const detail = opened.page.getByRole("region", { name: "Parameter details" });
    await detail.getByRole("button", { name: "state.1.exp_avg_sq" }).waitFor();
    await opened.page.keyboard.press("Enter");
    await expect.poll(() => opened.page.locator(".detail-name").innerText()).toBe("state.1.exp_avg");
  });

  test("an empty state is said, and what cannot be named is a number", async () => {
    const opened = await open("emptyOptimizer");
    await opened.page.getByText("The state is empty").waitFor();
    await opened.rows.getByText("parameter 2").waitFor();
  });

  test("moments of 8 bits are dequantised on request, and said to be computed", async () => {
    const opened = await open("eightBit");
    await opened.rows.locator("[data-row='1']").click();
    const detail = opened.page.getByRole("region", { name: "Parameter details" });
    await detail.getByText("computed from these three, not stored").waitFor();
    expect(await opened.sent("quantisedState")).toEqual([]);
    await detail.getByRole("button", { name: "Dequantise state2" }).click();
    const table = detail.getByRole("table", { name: "Dequantised state2" });
    await expect.poll(() => table.innerText()).toMatch(/16,384 in 64 blocks of 256/);
    expect(await opened.sent("quantisedState")).toEqual([{ optimizer: 0, parameter: 1, key: "state2" }]);
    await opened.rows.locator("[data-row='0']").click();
    await detail.getByRole("button", { name: "Dequantise state2" }).waitFor();
  });

  test("many parameters come in pages and stay a few rows in the page", async () => {
    const opened = await open("largeOptimizer");
    await opened.page.getByRole("status").getByText("20,000 parameters", { exact: true }).waitFor();
    expect((await opened.sent("optimizerPage")).length).toBeGreaterThan(9);
    await expect.poll(() => opened.rows.locator("[data-row]").count()).toBeLessThan(80);
    await opened.filter("Filter parameters by name").fill(`layers.${manyParameters - 1}.`);
    await expect.poll(() => opened.rows.locator("[data-row]").count()).toBe(1);
  });

  test("the filter and the selection are there when the page is shown again", async () => {
    const opened = await open("optimizer");
    await opened.filter("Filter parameters by name").fill("layers.2 o_proj");
    await opened.rows.locator("[data-row='1']").click();
    await opened.hideAndShow();
    await expect.poll(() => opened.selectedName()).toContain("layers.2.self_attn.o_proj.lora_B");
  });
});

describe("Content", () => {
  test("the tree is read as it is opened, and long lists in pages", async () => {
    const opened = await open("trainingFile");
    await opened.showTab("Content");
    await opened.rows.locator("[data-row='0']").waitFor();
    expect(await opened.sent("contentPage")).toEqual([{ path: [], from: 0 }]);
    await opened.rows.getByRole("row", { name: /losses/ }).click();
    await expect.poll(async () => (await opened.sent("contentPage")).length).toBe(2);
    await opened.rows.focus();
    await opened.page.keyboard.press("End");
    for (let up = 0; up < 3; up++) await opened.page.keyboard.press("ArrowUp");
    await opened.page.getByRole("button", { name: "Show more (250 left)" }).waitFor();
    await opened.page.keyboard.press("Enter");
    await expect
      .poll(async () => (await opened.sent("contentPage")).at(-1))
      .toEqual({ path: [5], from: 200 });
  });

  test("types, long tuples, cycles and hostile text", async () => {
    const opened = await open("trainingFile");
    await opened.showTab("Content");
    for (const name of [/^rng_state/, /^itself/]) await opened.rows.getByRole("row", { name }).click();
    await opened.rows.getByText("↻ contains itself").waitFor();
    const tuple = opened.rows.getByRole("row", { name: /625 items/ });
    await expect.poll(() => tuple.getAttribute("aria-expanded")).toBe("false");
    await opened.rows.getByText("<b>bold</b>⟨U+202E⟩gnp").waitFor();
    await expect.poll(() => opened.page.locator("img").count()).toBe(0);
    await expect.poll(() => opened.page.getByText("hf_secret").count()).toBe(0);
  });

  test("a tensor leads to Tensors, and wrappers' prefixes can be hidden", async () => {
    const opened = await open("trainingFile");
    await opened.showTab("Content");
    await opened.rows.getByRole("row", { name: /^model/ }).click();
    await opened.rows.getByRole("row", { name: /module\.head\.bias/ }).waitFor();
    await opened.page.getByRole("checkbox", { name: "Hide module." }).click();
    const bias = opened.rows.getByRole("row", { name: /^head\.bias/ });
    await bias.getByRole("button").click();
    await expect.poll(() => opened.page.locator(".detail-name").innerText()).toBe("model.module.head.bias");
    await opened.hideAndShow();
    await opened.showTab("Content");
    await opened.rows.getByRole("row", { name: /^head\.bias/ }).waitFor();
  });
});

test("Overview shows the settings inside the file, secrets masked", async () => {
  const { page } = await open("trainingFile");
  const args = page.getByRole("table", { name: "Arguments (args)" });
  await expect.poll(() => args.innerText()).toMatch(/lr\s+0\.0003/);
  await expect.poll(() => args.innerText()).toContain("••••••••");
  await expect.poll(() => page.getByRole("table", { name: "Values" }).innerText()).toMatch(/epoch\s+7/);
});

test("Health lists what Python would import, the dangerous first, and says that nothing ran", async () => {
  const opened = await open("malicious");
  await opened.showTab("Health");
  await opened.page.getByText("Nothing was executed.", { exact: true }).waitFor();
  const rows = opened.page.locator(".imports-table tbody tr");
  expect((await rows.allInnerTexts()).map((text) => text.trim().split(/\s+/).slice(0, 2))).toEqual([
    ["dangerous", "posix.system"],
    ["unknown", "mypackage.Thing"],
    ["known", "collections.OrderedDict"],
  ]);
});

test("Health tells what is wrong with the other files too, each finding once", async () => {
  const opened = await open("optimizer");
  // Asked for without a click: whether it is healthy is what one opens it for.
  await opened.page.getByRole("button", { name: "1 problem" }).waitFor();
  await opened.showTab("Health");
  await opened.page.getByRole("region", { name: "1 error" }).getByText("scheduler.pt is cut").waitFor();
  await expect.poll(() => opened.page.getByText("Looking at the other files").count()).toBe(0);
  await opened.page.getByRole("tab", { name: /^Health\s*1$/ }).waitFor();
  await opened.showTab("Optimizer");
  await opened.showTab("Health");
  expect((await opened.sent("health")).length).toBe(1);
});

describe("Can I resume?", () => {
  test("is asked for when Health is shown, once, and says what each verdict rests on", async () => {
    const opened = await open("optimizer");
    expect(await opened.sent("resume")).toEqual([]);
    await opened.showTab("Health");
    await opened.page.getByText("No: scheduler.pt is cut at byte 512").waitFor();
    const rows = opened.page.locator(".resume-table tbody tr");
    const verdicts = await rows.locator("td:nth-child(2)").allInnerTexts();
    expect(verdicts.map((text) => text.trim())).toEqual([
      "in order",
      "in order",
      "in order",
      "broken",
      "in doubt",
      "missing",
      "in order",
      "not known",
    ]);
    await expect.poll(() => opened.page.locator(".resume-table b").count()).toBe(0);
    await opened.showTab("Optimizer");
    await opened.showTab("Health");
    expect((await opened.sent("resume")).length).toBe(1);
  });

  test("is asked anew when the file has changed, and can be copied", async () => {
    const opened = await open("optimizer");
    await opened.showTab("Health");
    await opened.page.locator(".resume-table").waitFor();
    await opened.page.evaluate(() => window.__fakeEditor.show("trainingFile"));
    await opened.page.getByText("Only the weights").waitFor();
    const resume = opened.page.getByRole("region", { name: "Can I resume?" });
    await resume.getByRole("button", { name: "Copy as Markdown" }).click();
    const [copied] = (await opened.sent("copy")) as { text: string }[];
    expect(copied?.text).toMatch(/^Only the weights[\s\S]*\| Optimizer state \| missing \|/);
  });
});

test("a file of tensors alone has no tab for what it does not hold", async () => {
  const { page } = await open("model");
  await expect.poll(() => page.getByRole("tab", { name: /Content|Optimizer/ }).count()).toBe(0);
});

const screens: readonly (readonly [sample: SampleName, tab: string])[] = [
  ["optimizer", "Optimizer"],
  ["emptyOptimizer", "Optimizer"],
  ["eightBit", "Optimizer"],
  ["trainingFile", "Content"],
  ["trainingFile", "Overview"],
  ["malicious", "Health"],
  ["optimizer", "Health"],
];

test.each(screens)("axe finds nothing wrong with %s, %s, in every theme", async (sample, tab) => {
  editor = await EditorPage.open({ sample });
  const { page, webview } = editor;
  await page.getByRole("tab").first().waitFor();
  await editor.showTab(tab);
  if (tab === "Optimizer" || tab === "Content") {
    await editor.rows.locator("[data-row='0']").click();
    await editor.rows.locator("[data-row='1']").waitFor();
    const dequantise = page.getByRole("button", { name: "Dequantise state1" });
    if ((await dequantise.count()) > 0) {
      await dequantise.click();
      await page.getByRole("table", { name: "Dequantised state1" }).scrollIntoViewIfNeeded();
    }
  }
  await webview.inEveryTheme(async (theme) => {
    await webview.screenshot(`editor-${sample}-${tab}-${theme}`);
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  });
});
