import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { details, eachComparePage, moduleNames, modules, snapshots } from "../comparePage";

/** The page over adapters in memory that the real arithmetic has compared. */
const { open, sent, seriousProblems } = eachComparePage();

const track = (page: Page) => page.getByRole("list", { name: "Stages and what happened between them" });

/** Without what keeps numbers and units on one line. */
const plain = (text: string) => text.replaceAll("\u00a0", " ").replaceAll("\u2060", "");

test("the stages stand above their columns, and between them what each step did, with numbers", async () => {
  const page = await open({ adapters: "pipeline" });
  const items = track(page).getByRole("listitem");
  await expect.poll(() => items.count()).toBe(5);
  const texts = await items.allTextContents();
  const [svd, reduction, reduced, training, tuned] = texts.map(plain);
  expect(svd).toBe("Stage of 01-svd: svd. Set the stage.");
  expect(reduction).toMatch(
    /^01-svd → 02-rank-reduction: rank 16 → 4 kept \d\d\.\d % of the energy \(error \d\d\.\d %\)ΔW changed by \d\d\.\d %, cosine 0\.\d{4}$/,
  );
  expect(reduced).toContain("rank-reduction");
  expect(training).toMatch(
    /^02-rank-reduction → 03-fine-tuning: fine-tuning moved the update by \d\d\.\d %, \d\d\.\d % of it in v_proj of layers \d+–11/,
  );
  expect(tuned).toContain("fine-tuning");
  // A stop is above its column, a step between the two that it joins.
  const middleOf = async (selector: string, at: number) => {
    const box = await page.locator(selector).nth(at).boundingBox();
    return (box?.x ?? 0) + (box?.width ?? 0) / 2;
  };
  const heads = [await middleOf(".snapshot-head", 0), await middleOf(".snapshot-head", 1)] as const;
  expect(Math.abs((await middleOf(".track-dot", 1)) - heads[1])).toBeLessThan(2);
  expect(Math.abs((await middleOf(".step-text", 0)) - (heads[0] + heads[1]) / 2)).toBeLessThan(2);
  const story = plain((await page.locator(".compare-story").textContent()) ?? "");
  expect(story).toMatch(/^Rank 16 → 4 kept .* of the energy .*; fine-tuning then moved the update by .*\.$/);
});

test("without any stage the page says so and offers to set them, one after the other", async () => {
  const page = await open({ adapters: "unstaged" });
  await page.getByRole("alert").filter({ hasText: "No stage of these snapshots is known" }).waitFor();
  await page.getByRole("button", { name: "Stage of a: Set stage…" }).waitFor();
  await page.getByRole("button", { name: "Set stages…" }).click();
  expect(await sent("setStages")).toMatchObject([{ params: { paths: ["/runs/x/a", "/runs/x/b"] } }]);
  await page.getByRole("button", { name: /^Stage of a: svd\s*\. Set the stage\.$/ }).waitFor();
  await expect.poll(() => page.getByRole("alert").count()).toBe(0);
});

test("the same update in other factors is called the same, and a changed base is said", async () => {
  const page = await open({ adapters: "odd" });
  await track(page)
    .getByText(/^the same update in other factors \(difference .* of ‖ΔW‖, which is rounding\)$/)
    .waitFor();
  const notices = page.getByRole("list", { name: "To know before comparing" });
  await notices
    .getByText(
      "pissa-init, trained, rewritten were initialised with pissa, which changes the base weights: their B·A is the change from that modified base, not from the public one. The change from the public base is computed against pissa-init.",
    )
    .waitFor();
});

test("each snapshot says what its tensors tell, its change from the left, and what is found in it", async () => {
  const page = await open({ adapters: "odd" });
  const row = (title: string) =>
    snapshots(page)
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: title, exact: true }) })
      .getByRole("cell")
      .allTextContents();
  await expect
    .poll(() => row("Looks like"))
    .toEqual(["SVD product, balanced (PiSSA, mergekit)", "trained", "trained", "trained, medium confidence"]);
  expect((await row("Change since left"))[2]).toBe("same update");
  expect(await row("True change")).toEqual(["–", ...Array(3).fill(expect.stringMatching(/^1\.\d{3}$/))]);
  // Warnings are in sight, notes on request.
  const warning = /^NaN or infinity in 1 of 24 modules, first in q_proj of layer 2/;
  await snapshots(page).getByText(warning).waitFor();
  await expect
    .poll(() =>
      snapshots(page)
        .getByText(/^Rank 7 instead of 8 would keep/)
        .count(),
    )
    .toBe(0);
  await page.getByRole("button", { name: "Findings" }).click();
  await snapshots(page)
    .getByText(/^Rank 7 instead of 8 would keep/)
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Show q_proj of layer 2" }).click();
  await details(page).getByRole("heading", { name: "model.layers.2.self_attn.q_proj" }).waitFor();
  await page.getByRole("button", { name: "Copy the table of snapshots as CSV" }).click();
  await expect.poll(() => sent("copy")).toHaveLength(1);
  const [{ params }] = (await sent("copy")) as [{ params: { text: string } }];
  expect(params.text.split("\r\n").slice(0, 2)).toEqual([
    ",pissa-init,trained,rewritten,broken",
    "Stage,svd,fine-tuning,fine-tuning,fine-tuning",
  ]);
});

test("what does not fit into one message arrives in pieces", async () => {
  const page = await open({ adapters: "many" });
  await page.getByRole("status").filter({ hasText: "504 modules" }).waitFor();
  expect((await sent("rows")).length).toBeGreaterThan(0);
  await expect.poll(() => modules(page).getAttribute("aria-rowcount")).toBe("506");
  await page.getByRole("button", { name: "model.layers.0.mlp.down_proj", exact: true }).focus();
  await page.keyboard.press("End");
  await expect
    .poll(async () => (await moduleNames(page)).at(-1), { timeout: 10_000 })
    .toBe("model.layers.71.self_attn.v_proj");
});

test("axe finds nothing serious in any theme", async () => {
  const page = await open({ adapters: "odd" });
  await track(page).waitFor();
  expect(await seriousProblems()).toEqual([]);
});
