import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../support/browser/accessibility";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";
import type { MakeHostOptions } from "../fakeHost/make/makeHost";

let opened: WebviewPage | undefined;

afterEach(async () => {
  expect(opened?.errors ?? []).toEqual([]);
  await opened?.close();
  opened = undefined;
});

async function open(options: MakeHostOptions = {}, more: Partial<WebviewPageOptions> = {}) {
  opened = await WebviewPage.open({
    page: "make",
    fakeHostOptions: options,
    viewport: { width: 850, height: 800 },
    ...more,
  });
  return { webview: opened, page: opened.page };
}

async function sent(method: string): Promise<{ params: Record<string, unknown> }[]> {
  const messages = (await opened?.sentMessages()) ?? [];
  return messages.filter((message) => (message as { method?: string }).method === method) as never;
}

test("a merge is planned: what is read, written and lost, before the button that does it", async () => {
  const { page } = await open();
  await page.getByText("224 modules change 224 weights").waitFor();
  await page.getByText("training cannot be resumed from the result").waitFor();
  await page.getByText("LoRA adapter · rank 16 · 224 modules").waitFor();
  expect(await sent("make")).toEqual([]);
  await page.getByRole("textbox", { name: "New folder" }).fill("half");
  await page.getByRole("textbox", { name: "Weight of checkpoint-240" }).fill("0.5");
  await expect.poll(async () => (await sent("plan")).length).toBe(2);
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  const [made] = await sent("make");
  expect(made?.params).toMatchObject({
    out: "/runs/half",
    maxShardBytes: 5e9,
    job: { kind: "merge", base: "/models/llama-3-8b", adapters: [{ weight: 0.5 }] },
  });
});

test("writing tells how far it is in bytes, and is stopped by a click", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  await page.getByText("5.20 GB of 16.1 GB").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("alert").getByText("It was stopped. Nothing was written.").waitFor();
  await page.getByRole("button", { name: "Merge", exact: true }).waitFor();
});

test("what has no exact way is refused with its reason, and the sources can be changed", async () => {
  const { page } = await open({ refusal: "The base's q_proj.weight is quantised." });
  await page.getByRole("alert").getByText("The base's q_proj.weight is quantised.").waitFor();
  await expect.poll(() => page.getByRole("button", { name: "Merge", exact: true }).count()).toBe(0);
  await page.getByRole("button", { name: "Change…" }).click();
  await expect
    .poll(async () => (await sent("plan")).at(-1)?.params)
    .toMatchObject({ job: { base: "/chosen/base" } });
});

test("a name that is taken says so, and a disk without room stops it", async () => {
  const { page } = await open({ taken: true });
  await page.getByRole("button", { name: "Replace…" }).waitFor();
  await opened?.close();
  const full = await open({ freeBytes: 1e9 });
  await full.page.getByText("The disk has too little room for it.").waitFor();
  await expect
    .poll(() => full.page.locator(".make-foot vscode-button").getAttribute("disabled"))
    .not.toBeNull();
});

test("an average has two checkpoints at least, each with its weight", async () => {
  const { page } = await open({ kind: "average" });
  await page.getByRole("button", { name: "Leave checkpoint-120 out" }).click();
  await page.getByRole("textbox", { name: "Weight of checkpoint-180" }).waitFor();
  await expect.poll(() => page.getByRole("button", { name: /^Leave/ }).count()).toBe(0);
  await page.getByRole("button", { name: "Add a checkpoint…" }).click();
  await page.getByRole("button", { name: "Leave snapshot out" }).waitFor();
  await page.getByRole("textbox", { name: "Moving average, decay" }).fill("0.5");
  await expect
    .poll(async () => (await sent("plan")).at(-1)?.params)
    .toMatchObject({ job: { snapshots: [{ weight: 0.25 }, { weight: 0.25 }, { weight: 0.5 }] } });
});

test("what a conversion can do besides is offered where it has an exact way", async () => {
  const { page } = await open({ kind: "convert" });
  await page.getByRole("combobox", { name: "Experts" }).click();
  await page.getByRole("option", { name: "Apart, tensors for each" }).click();
  await expect
    .poll(async () => (await sent("plan")).at(-1)?.params)
    .toMatchObject({ job: { experts: "single" } });
  expect(await page.getByRole("combobox", { name: "Names" }).count()).toBe(0);
});

test("the result tells its figures, the worst modules first, and leads on", async () => {
  const { page } = await open({ made: true });
  await page.getByText("2.4 % of ‖ΔW‖", { exact: true }).waitFor();
  await page.getByText("204 more rows in the report.").waitFor();
  await page.getByRole("button", { name: "Compare with the base" }).click();
  await expect
    .poll(() => sent("compare"))
    .toMatchObject([{ params: { paths: ["/models/llama-3-8b", "/runs/04-merged"] } }]);
});

test.each([
  ["merge", { long: true }],
  ["convert", { kind: "convert" }],
  ["made", { made: true }],
] satisfies [string, MakeHostOptions][])(
  "%s can be read in every theme, at every width, with long names",
  async (name, options) => {
    const { webview, page } = await open(options);
    await page.getByRole("button", { name: /^(Merge|Save|Open it)$/ }).waitFor();
    for (const width of [480, 850, 1200]) {
      await page.setViewportSize({ width, height: 800 });
      await webview.inEveryTheme(async (theme) => {
        expect(await findAccessibilityProblems(page), theme).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        await webview.screenshot(`make-${name}-${theme}-${width}`);
      });
    }
  },
);
