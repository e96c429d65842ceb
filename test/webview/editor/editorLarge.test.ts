import type { CDPSession } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { EditorPage } from "./editorPage";

/** A model with 89,088 tensors: every step must stay far from what a person notices. */

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

/** What actions cost is printed, beside the 100 ms that each may take: machines differ, so no time is asserted. */
class ScriptClock {
  private constructor(
    private readonly opened: EditorPage,
    private readonly session: CDPSession,
  ) {}

  static async of(opened: EditorPage): Promise<ScriptClock> {
    const session = await opened.page.context().newCDPSession(opened.page);
    await session.send("Performance.enable");
    return new ScriptClock(opened, session);
  }

  /** Milliseconds of script that an action costs until the page is quiet again. */
  async measure(action: () => Promise<unknown>): Promise<number> {
    const before = await this.scriptSeconds();
    await action();
    await this.opened.page.waitForTimeout(400);
    return ((await this.scriptSeconds()) - before) * 1000;
  }

  private async scriptSeconds(): Promise<number> {
    const { metrics } = await this.session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "ScriptDuration")?.value ?? 0;
  }
}

async function openLoaded(): Promise<EditorPage> {
  editor = await EditorPage.open({ sample: "mixture" });
  await editor.showTab("Tensors");
  await expect
    .poll(() => editor?.page.getByRole("status").innerText(), { timeout: 20_000 })
    .toMatch(/^(?!.*loading).*89,088/s); // nothing is said before the first piece came
  return editor;
}

test("the first chunk is shown while the others are on their way", async () => {
  editor = await EditorPage.open({ sample: "mixture", chunkMs: 300 });
  await editor.showTab("Tensors");
  await expect.poll(() => editor?.page.getByRole("status").innerText()).toMatch(/loading [\d,]+ of 89,088/);
  await expect.poll(() => editor?.rows.locator("[data-row]").count()).toBeGreaterThan(3);
});

test("keystrokes, sorts and expansions leave few rows in the page", async () => {
  const opened = await openLoaded();
  const clock = await ScriptClock.of(opened);
  const measured: Record<string, number> = {};
  await opened.filter().focus();
  measured.keystroke = await clock.measure(() => opened.page.keyboard.press("e"));
  measured["second keystroke"] = await clock.measure(() => opened.page.keyboard.press("x"));
  await opened.filter().fill("");
  measured["expand a layer"] = await clock.measure(() => opened.rows.locator("[data-row='3']").click());
  measured["arrow key"] = await clock.measure(() => opened.page.keyboard.press("ArrowDown"));
  measured["expand all"] = await clock.measure(() => opened.page.keyboard.press("*"));
  await expect.poll(() => opened.rows.locator("[data-row]").count()).toBeLessThanOrEqual(60);
  measured["collapse all"] = await clock.measure(() =>
    opened.page.getByRole("button", { name: "Collapse all" }).click(),
  );
  measured["flat table"] = await clock.measure(() =>
    opened.page.getByRole("button", { name: "Table" }).click(),
  );
  for (const name of ["Shape", "Dtype", "Params", "Size"]) {
    const header = opened.rows.getByRole("columnheader", { name }).getByRole("button");
    measured[`sort by ${name}`] = await clock.measure(() => header.click());
  }
  await expect.poll(() => opened.rows.locator("[data-row]").count()).toBeLessThanOrEqual(60);
  console.log(
    Object.entries(measured)
      .map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`)
      .join(", "),
  );
});

test("the last of 89,088 rows is reached by one key and found again when the page comes back", async () => {
  const opened = await openLoaded();
  await opened.page.getByRole("button", { name: "Table" }).click();
  await opened.rows.focus();
  await opened.page.keyboard.press("End");
  const last = "model.layers.60.mlp.experts.255.up_proj.weight_scale_inv";
  await expect.poll(() => opened.selectedName()).toContain(last);
  await expect.poll(() => opened.selectedRow.getAttribute("aria-rowindex")).toBe("89089");
  await opened.hideAndShow();
  await expect.poll(() => opened.selectedName(), { timeout: 15_000 }).toContain(last);
  await expect
    .poll(() => opened.rows.evaluate((rows) => rows.scrollHeight - rows.scrollTop - rows.clientHeight))
    .toBeLessThan(2);
});
