import { expect, test } from "vitest";
import { columnLabels, details, eachComparePage, filter, moduleRow, snapshots } from "./comparePage";

const { open, sent, reload } = eachComparePage();

test("columns move at once, keep the focus, and the extension is told the order", async () => {
  const page = await open({ delayMs: 1500 });
  const right = page.getByRole("button", { name: "Move 02-rank-reduction right" });
  await right.focus();
  await page.keyboard.press("Enter");
  // Only moved: no number is new, so nobody waits.
  await expect.poll(() => columnLabels(page)).toEqual(["01-svd", "checkpoint-240", "02-rank-reduction"]);
  await expect.poll(() => right.evaluate((button) => button === document.activeElement)).toBe(true);
  await expect.poll(() => right.getAttribute("aria-disabled")).toBe("true");
  await page.getByRole("status").filter({ hasText: "Comparing modules" }).waitFor();
  await expect
    .poll(() => sent("arrange"))
    .toMatchObject([
      {
        params: {
          paths: [
            "/runs/pipeline/01-svd",
            "/runs/pipeline/03-fine-tuning/checkpoint-240",
            "/runs/pipeline/02-rank-reduction",
          ],
        },
      },
    ]);
  await page.getByRole("button", { name: "Arrange the columns in the order of the stages" }).click();
  await expect.poll(() => columnLabels(page)).toEqual(["01-svd", "02-rank-reduction", "checkpoint-240"]);
  await expect.poll(() => page.getByRole("progressbar").count(), { timeout: 5000 }).toBe(0);
});

test("another baseline: all changes are against it, from the extension's new numbers", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Actions for checkpoint-240" }).click();
  await page.getByRole("menuitem", { name: "Make Baseline" }).click();
  await expect.poll(() => columnLabels(page)).toEqual(["checkpoint-240", "01-svd", "02-rank-reduction"]);
  const changes = snapshots(page)
    .getByRole("row")
    .filter({ hasText: /^Change/ })
    .getByRole("cell");
  await expect.poll(() => changes.first().textContent()).toBe("–");
  await expect.poll(() => changes.nth(1).textContent()).toMatch(/%$/);
});

test("a column is dragged to another place", async () => {
  const page = await open();
  await snapshots(page)
    .getByRole("columnheader")
    .nth(2)
    .dragTo(snapshots(page).getByRole("columnheader").nth(0), {
      targetPosition: { x: 10, y: 40 },
    });
  await expect.poll(() => columnLabels(page)).toEqual(["checkpoint-240", "01-svd", "02-rank-reduction"]);
});

test("a snapshot is removed, but never the second last", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Actions for 02-rank-reduction" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await expect.poll(() => columnLabels(page)).toEqual(["01-svd", "checkpoint-240"]);
  await page.getByRole("button", { name: "Actions for 01-svd" }).press("ArrowDown");
  const remove = page.getByRole("menuitem", { name: "Remove" });
  await expect.poll(() => remove.getAttribute("aria-disabled")).toBe("true");
  await expect.poll(() => remove.getAttribute("title")).toBe("A comparison needs two snapshots");
  // The menu from the keyboard: the first entry has the focus, End goes to the last, Escape gives it back.
  expect(
    await page.getByRole("menuitem", { name: "Open" }).evaluate((item) => item === document.activeElement),
  ).toBe(true);
  await page.keyboard.press("End");
  expect(await remove.evaluate((item) => item === document.activeElement)).toBe(true);
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("menu").count()).toBe(0);
  expect(
    await page
      .getByRole("button", { name: "Actions for 01-svd" })
      .evaluate((button) => button === document.activeElement),
  ).toBe(true);
});

test("snapshots are opened and added", async () => {
  const page = await open();
  await page.getByRole("button", { name: "checkpoint-240", exact: true }).click();
  await page.getByRole("button", { name: "Add…" }).click();
  await expect
    .poll(() => sent("open"))
    .toMatchObject([{ params: { path: "/runs/pipeline/03-fine-tuning/checkpoint-240" } }]);
  expect(await sent("add")).toHaveLength(1);
});

test("eight columns scroll sideways under a first column that stays", async () => {
  const page = await open({ sample: "wide" }, { viewport: { width: 480, height: 800 } });
  const name = page.getByRole("button", { name: "model.layers.0.self_attn.q_proj" });
  await name.waitFor();
  const before = await name.boundingBox();
  const scrolled = await page.locator(".compare-scroll").evaluate((element) => {
    element.scrollLeft = 1000;
    return element.scrollLeft;
  });
  expect(scrolled).toBe(1000);
  expect((await name.boundingBox())?.x).toBe(before?.x);
  await expect
    .poll(() => page.locator("vscode-button", { hasText: "Add…" }).getAttribute("title"))
    .toBe("At most 8 snapshots side by side");
});

test("a snapshot that can't be read says why in its column, and the others stand", async () => {
  const page = await open({ sample: "withFailure" });
  await snapshots(page)
    .getByText(/ends at byte 204,800, but its header announces 531,208/)
    .waitFor();
  const cells = await moduleRow(page, "model.layers.0.self_attn.q_proj").getByRole("cell").allTextContents();
  expect(cells[2]).toBe("unreadable");
  expect(cells[0]).toBe("32");
});

test("the first comparison shows how far it is and can be cancelled", async () => {
  const page = await open({ sample: "working" });
  await page.getByText("Reading the factors 37 of 224").waitFor();
  await expect.poll(() => page.getByRole("progressbar").getAttribute("value")).toBe("37");
  await page.getByRole("list", { name: "Snapshots" }).getByText("/runs/pipeline/01-svd").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect.poll(() => sent("cancel")).toHaveLength(1);
  await page.getByRole("alert").filter({ hasText: "The comparison was cancelled." }).waitFor();
});

test("a comparison that failed says why and can be tried again", async () => {
  const page = await open({ sample: "failed" });
  await page.getByRole("alert").filter({ hasText: "The folder /runs/pipeline was deleted." }).waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => sent("reload")).toHaveLength(1);
});

test("what was selected, filtered and chosen is there again when the tab is shown again", async () => {
  const page = await open();
  await filter(page, "Filter modules by words").fill("k_proj");
  await page.getByRole("button", { name: "Cosine in checkpoint-240" }).click();
  await page.getByRole("button", { name: "Tint" }).click();
  await page.getByRole("button", { name: "model.layers.3.self_attn.k_proj" }).click();
  await page.getByRole("slider", { name: "Singular values of ΔW by k" }).waitFor();
  await details(page).getByRole("button", { name: "Log", exact: true }).click();
  await page.waitForTimeout(300); // kept state is written a moment later
  await reload();
  await page
    .getByRole("region", { name: "Module details" })
    .getByRole("heading", { name: "model.layers.3.self_attn.k_proj" })
    .waitFor();
  await expect.poll(() => filter(page, "Filter modules by words").inputValue()).toBe("k_proj");
  await expect
    .poll(() =>
      page.getByRole("columnheader", { name: "Cosine in checkpoint-240" }).getAttribute("aria-sort"),
    )
    .toBe("descending");
  await expect
    .poll(() => page.getByRole("button", { name: "Tint" }).getAttribute("aria-pressed"))
    .toBe("false");
  await expect
    .poll(() => details(page).getByRole("button", { name: "Log", exact: true }).getAttribute("aria-pressed"))
    .toBe("true");
});

test("a comparison that is stopped leaves the one before in sight", async () => {
  const page = await open({ delayMs: 60_000 });
  await page.getByRole("button", { name: "model.layers.0.self_attn.k_proj" }).click();
  await page.getByRole("slider", { name: "Singular values of ΔW by k" }).waitFor();
  await page.getByRole("button", { name: "Actions for checkpoint-240" }).click();
  await page.getByRole("menuitem", { name: "Make Baseline" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page
    .getByRole("alert")
    .filter({ hasText: "The comparison was cancelled. Shown is the comparison before." })
    .waitFor();
  expect(await columnLabels(page)).toEqual(["01-svd", "02-rank-reduction", "checkpoint-240"]);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("progressbar").waitFor();
});

test.each([
  { width: 1280, height: 800 },
  { width: 700, height: 800 },
])(
  "details that open leave the chosen row and all snapshots in sight, at $width pixels",
  async (viewport) => {
    const page = await open({}, { viewport });
    const row = moduleRow(page, "model.layers.0.self_attn.o_proj");
    // On a number, not on the name: arrow keys go on from there all the same.
    await row.getByRole("cell").nth(1).click();
    await page.getByRole("slider", { name: "Singular values of ΔW by k" }).waitFor();
    const scroller = await page.locator(".compare-scroll").boundingBox();
    const box = await row.boundingBox();
    const bottom = (scroller?.y ?? 0) + (scroller?.height ?? 0);
    expect(box?.y).toBeGreaterThan(scroller?.y ?? 0);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(bottom + 0.5);
    const last = await snapshots(page).getByRole("columnheader").last().boundingBox();
    expect((last?.x ?? 0) + (last?.width ?? 0)).toBeLessThanOrEqual(
      (scroller?.x ?? 0) + (scroller?.width ?? 0),
    );
    await page.keyboard.press("ArrowDown");
    await page
      .getByRole("region", { name: "Module details" })
      .getByRole("heading", { name: "model.layers.1.self_attn.q_proj" })
      .waitFor();
  },
);

test("digits of a column end with their points under each other", async () => {
  const page = await open({ adapters: "pipeline" });
  await page.getByRole("table", { name: "Modules" }).waitFor();
  const points = await page.locator(".module-table tbody tr:not(.spacer)").evaluateAll((rows) =>
    rows.map((row) => {
      const cell = row.querySelectorAll("td")[1];
      const text = cell?.firstChild;
      const at = text?.textContent?.indexOf(".") ?? -1;
      if (!text || at < 0) return undefined;
      const range = document.createRange();
      range.setStart(text, at);
      range.setEnd(text, at + 1);
      return { text: text.textContent, left: range.getBoundingClientRect().left };
    }),
  );
  const known = points.filter((point) => point !== undefined);
  expect(new Set(known.map(({ text }) => text?.length)).size).toBeGreaterThan(1);
  const lefts = known.map(({ left }) => left);
  expect(Math.max(...lefts) - Math.min(...lefts)).toBeLessThan(1);
});
