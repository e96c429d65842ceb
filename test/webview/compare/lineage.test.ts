import { afterEach, expect, test } from "vitest";
import { findAccessibilityProblems } from "../../support/browser/accessibility";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";
import type { CompareHostOptions } from "../fakeHost/compare/compareHost";

let opened: WebviewPage | undefined;

afterEach(async () => {
  expect(opened?.errors ?? []).toEqual([]);
  await opened?.close();
  opened = undefined;
});

async function open(options: CompareHostOptions, more: Partial<WebviewPageOptions> = {}) {
  opened = await WebviewPage.open({
    page: "compare",
    fakeHostOptions: options,
    viewport: { width: 850, height: 800 },
    ...more,
  });
  return { webview: opened, page: opened.page };
}

async function sent(method: string): Promise<unknown[]> {
  const messages = (await opened?.sentMessages()) ?? [];
  return messages.filter((message) => (message as { method?: string }).method === method);
}

test("where there are branches the lineage stands in place of the track, with what each step kept", async () => {
  const { page } = await open({ lineage: "branches" });
  const lineage = page.getByRole("region", { name: "Lineage" });
  await lineage.getByText("from 01-svd: kept 97.2 % of the energy (error 16.7 %)").waitFor();
  await expect
    .poll(() => page.getByRole("list", { name: "Stages and what happened between them" }).count())
    .toBe(0);
  await lineage.getByText("from 02-rank-reduction (inferred from the stages)").waitFor();
  await lineage.getByText("missing: nothing is at its path").waitFor();
  const rows = await lineage.getByRole("listitem").allInnerTexts();
  const at = (name: string) => rows.findIndex((text) => text.startsWith(name));
  expect(at("04-merged")).toBeGreaterThan(at("03-fine-tuning"));
  expect(at("03-fine-tuning")).toBeGreaterThan(at("base"));
  await lineage.getByRole("button", { name: "Compare 04-merged with 03-fine-tuning" }).click();
  await lineage.getByRole("button", { name: "Open 01-svd" }).click();
  await lineage.getByRole("button", { name: "Reveal base in Training Runs" }).click();
  await expect
    .poll(() => sent("compareApart"))
    .toMatchObject([{ params: { paths: ["/runs/p/03-fine-tuning", "/runs/p/04-merged"] } }]);
  expect(await sent("open")).toMatchObject([{ params: { path: "/runs/p/01-svd" } }]);
  expect(await sent("reveal")).toMatchObject([{ params: { path: "/runs/p/base" } }]);
});

test("thirty that follow each other by their steps are named once each, and why is said once", async () => {
  const { page } = await open({ lineage: "steps" });
  const lineage = page.getByRole("region", { name: "Lineage" });
  await lineage.getByText("Dashed: one follows the other by its step, which is inferred.").waitFor();
  const seen = lineage.locator(".lineage-origin").filter({ hasText: "inferred from the steps" });
  await expect.poll(() => seen.count()).toBe(0);
});

test("a chain keeps the track of its stages", async () => {
  const { page } = await open({ lineage: "one" });
  await page.getByRole("list", { name: "Stages and what happened between them" }).waitFor();
  await expect.poll(() => page.getByRole("region", { name: "Lineage" }).count()).toBe(0);
});

test.each([
  ["branches", 480],
  ["branches", 1200],
  ["thirty", 850],
])("a lineage can be read in every theme: %s at %i pixels", async (lineage, width) => {
  const { webview, page } = await open({ lineage }, { viewport: { width, height: 800 } });
  const region = page.getByRole("region", { name: "Lineage" });
  await region.waitFor();
  await webview.inEveryTheme(async (theme) => {
    expect(await findAccessibilityProblems(page), theme).toEqual([]);
    const box = await region.boundingBox();
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
    await webview.screenshot(`lineage-${lineage}-${theme}-${width}`);
  });
});
