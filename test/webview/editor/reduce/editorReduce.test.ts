import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../../support/browser/accessibility";
import type { EditorHostOptions } from "../../fakeHost/editor/editorHost";
import { EditorPage } from "../editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

async function openForm(options: EditorHostOptions = {}): Promise<EditorPage> {
  editor = await EditorPage.open({ sample: "measurable", ...options });
  await editor.showTab("LoRA");
  await editor.page.getByRole("button", { name: "Reduce rank…" }).click();
  return editor;
}

function form(opened: EditorPage) {
  const { page } = opened;
  return {
    slider: page.locator("input[type=range]"),
    field: page.getByRole("textbox", { name: /, as a number$/ }),
    name: page.getByRole("textbox", { name: "New folder" }),
    totals: page.locator(".reduce-totals"),
    write: page.getByRole("button", { name: "Write adapter" }),
    rule: async (label: string) => {
      await page.getByRole("combobox", { name: "Rule" }).click();
      await page.getByRole("option", { name: label }).click();
    },
  };
}

test("the slider shows live what each module would keep, and the name follows", async () => {
  const opened = await openForm();
  const { slider, field, name, totals } = form(opened);
  await slider.fill("2");
  await expect.poll(() => totals.innerText()).toContain("8 → 2");
  await expect.poll(() => field.inputValue()).toBe("2");
  await expect.poll(() => name.inputValue()).toBe("04-rank-reduction-r2");
  // Spectra fall by exp(-0.25 - 0.08 · (index mod 7)) a step: of the first module exp(-0.5 k) in energy.
  const share = (1 - Math.exp(-0.5 * 2)) / (1 - Math.exp(-0.5 * 8));
  await opened.rows.getByRole("row", { name: /layers\.0\.self_attn\.q_proj/ }).waitFor();
  const row = await opened.rows.getByRole("row", { name: /layers\.0\.self_attn\.q_proj/ }).innerText();
  expect(row).toContain(`${(100 * share).toFixed(1)} %`);
  expect(row).toContain(`${(100 * Math.sqrt(1 - share)).toFixed(1)} %`);
  await slider.press("ArrowRight");
  await expect.poll(() => totals.innerText()).toContain("8 → 3");
  await expect.poll(() => name.inputValue()).toBe("04-rank-reduction-r3");
});

test("a rule gives each module its own rank, or one to all", async () => {
  const opened = await openForm();
  const { field, totals, name, rule } = form(opened);
  await rule("Energy kept");
  await field.fill("90");
  await expect.poll(() => totals.innerText()).toMatch(/8 → 2–5/);
  await expect.poll(() => name.inputValue()).toBe("04-rank-reduction-r2-5");
  await opened.page.getByRole("button", { name: "Uniform" }).click();
  await expect.poll(() => totals.innerText()).toMatch(/8 → 4\n/);
  await opened.page.getByRole("button", { name: "Per module" }).click();
  await opened.page.getByRole("textbox", { name: "At most rank" }).fill("3");
  await expect.poll(() => totals.innerText()).toMatch(/8 → 2–3/);
  // 0.9 of the norm is 0.81 of the energy; kohya keeps one more.
  await opened.page.getByRole("textbox", { name: "At most rank" }).fill("");
  await rule("sv_fro (kohya)");
  await field.fill("0.9");
  await expect.poll(() => totals.innerText()).toMatch(/8 → 2–4/);
  await opened.page.getByRole("checkbox", { name: /Count as kohya does/ }).click();
  await expect.poll(() => totals.innerText()).toMatch(/8 → 3–5/);
});

test("a number that means nothing is marked and changes nothing", async () => {
  const opened = await openForm();
  const { field, totals } = form(opened);
  await field.fill("3");
  await expect.poll(() => totals.innerText()).toContain("8 → 3");
  for (const text of ["0", "9", "2.5", "many"]) {
    await field.fill(text);
    await expect.poll(() => opened.page.locator("vscode-text-field.invalid").count()).toBe(1);
    await expect.poll(() => totals.innerText()).toContain("8 → 3");
  }
  await field.fill("4");
  await expect.poll(() => totals.innerText()).toContain("8 → 4");
});

test("writes what was chosen, says what it cost, and leads on to the new snapshot", async () => {
  const opened = await openForm({ chosenFolder: "/home/ada/elsewhere" });
  const { slider, name, write } = form(opened);
  await slider.fill("4");
  await opened.page.getByRole("combobox", { name: "Dtype" }).click();
  await opened.page.getByRole("option", { name: "BF16" }).click();
  await opened.page.getByRole("button", { name: "Choose another folder…" }).click();
  await opened.page.getByText("in elsewhere.").waitFor();
  await name.fill("mine");
  await write.click();
  await opened.page.getByText("The new snapshot is written and was read back.").waitFor();
  expect(await opened.sent("reduce")).toEqual([
    {
      options: { rule: { kind: "rank", rank: 4 }, scope: "module" },
      out: "/home/ada/elsewhere/mine",
      dtype: "BF16",
    },
  ]);
  const result = opened.page.locator(".reduce-result");
  await expect.poll(() => result.innerText()).toContain("4 in 24 modules");
  await opened.page.getByRole("button", { name: "Compare with the original" }).click();
  await opened.page.getByRole("button", { name: "Open it" }).click();
  await expect.poll(() => opened.sent("open")).toEqual([{ path: "/home/ada/elsewhere/mine" }]);
  expect(await opened.sent("compareMade")).toEqual([{ path: "/home/ada/elsewhere/mine" }]);
  await opened.page.getByRole("button", { name: "Back to the modules" }).click();
  await opened.page.getByRole("grid", { name: "LoRA modules" }).waitFor();
});

test("writing shows how far it is and can be stopped", async () => {
  const opened = await openForm({ reduceMs: 60_000 });
  await form(opened).write.click();
  await opened.page.getByRole("progressbar", { name: "Reducing: model.layers.0.q_proj" }).waitFor();
  await opened.page.getByText("24 of 69").waitFor();
  await opened.page.getByRole("button", { name: "Cancel" }).click();
  await form(opened).write.waitFor();
  const messages = (await opened.webview.sentMessages()) as { type?: string }[];
  expect(messages.filter(({ type }) => type === "cancel")).toHaveLength(1);
});

test("a failure is told beside the form, which keeps what was chosen", async () => {
  const opened = await openForm({ reduceFailure: "There is no room left on the disk." });
  const { slider, write, field } = form(opened);
  await slider.fill("3");
  await write.click();
  await opened.page.getByRole("alert").getByText("There is no room left on the disk.").waitFor();
  await expect.poll(() => field.inputValue()).toBe("3");
});

test("a name that is taken is said before anything is written, and a name that is none stops it", async () => {
  const opened = await openForm({ taken: ["/home/ada/runs/tiny-lora/04-rank-reduction-r2"] });
  const { slider, name, write } = form(opened);
  await slider.fill("2");
  await opened.page.getByRole("button", { name: "Replace adapter…" }).waitFor();
  await slider.fill("3");
  await write.waitFor();
  for (const bad of ["../x", "x.safetensors"]) {
    await name.fill(bad);
    await expect.poll(() => write.getAttribute("disabled")).not.toBeNull();
  }
  await name.fill("x");
  await expect.poll(() => write.getAttribute("disabled")).toBeNull();
});

test("the form is found again when the page comes back", async () => {
  const opened = await openForm();
  const { slider, field, totals } = form(opened);
  await slider.fill("5");
  await expect.poll(() => totals.innerText()).toContain("8 → 5");
  await opened.hideAndShow();
  await expect.poll(() => totals.innerText()).toContain("8 → 5");
  await expect.poll(() => field.inputValue()).toBe("5");
});

test("an adapter that cannot be reduced says why", async () => {
  const opened = await openForm({ sample: "adapter" });
  await opened.page.getByText(/o_proj cannot be reduced: lora_B holds 3 NaN\./).waitFor();
  await opened.webview.close();
  const other = await openForm({ reductionProblem: "The file holds several adapters." });
  await other.page.getByText("The file holds several adapters.").waitFor();
});

test("axe finds nothing wrong with the form and its result, in every theme", async () => {
  editor = await EditorPage.open({ sample: "measurable" });
  const { page, webview } = editor;
  await editor.showTab("LoRA");
  await page.getByRole("button", { name: "Reduce rank…" }).click();
  await form(editor).totals.waitFor();
  await webview.inEveryTheme(async (theme) => {
    await webview.screenshot(`editor-reduce-${theme}`);
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  });
  await form(editor).write.click();
  await page.locator(".reduce-result").waitFor();
  await webview.inEveryTheme(async (theme) => {
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
  });
});
