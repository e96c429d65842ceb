import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { openWindow } from "../support/openWindow";
import { projectRoot } from "../support/projectRoot";
import type { ThemeName } from "../support/themes";
import type { Workbench } from "../support/workbench";

/**
 * Pictures of every screen on the sample run, in each theme, in test-results/e2e; the README's are copies of the
 * dark ones. They assert nothing, so they are taken only when asked for: `PICTURES=1 npm run test:e2e -- pictures`.
 */
const themes: readonly ThemeName[] = ["dark", "light", "highContrast"];

describe.skipIf(process.env.PICTURES === undefined)("pictures", () => {
  let workspace: string;
  let workbench: Workbench;

  beforeAll(async () => {
    workspace = join(mkdtempSync(join(tmpdir(), "pictures-")), "lora-pipeline");
    mkdirSync(workspace);
    for (const name of ["01-svd", "02-rank-reduction", "03-fine-tuning", "base"]) {
      cpSync(join(projectRoot, "media", "sample", name), join(workspace, name), { recursive: true });
    }
    workbench = await openWindow({ workspace, viewport: { width: 1440, height: 900 } });
  });

  afterAll(async () => {
    await workbench?.close();
    rmSync(join(workspace, ".."), { recursive: true, force: true });
  });

  beforeEach(() => workbench.closeAllEditors());

  const page = () => workbench.webviewFrame();
  const runs = () => workbench.view("Training Runs");
  const row = (name: RegExp) => runs().getByRole("treeitem", { name }).first();

  /** Charts and the worker's numbers come after the page; nothing tells when the last pixel is painted. */
  async function inEachTheme(name: string): Promise<void> {
    for (const theme of themes) {
      await workbench.setTheme(theme);
      await workbench.page.mouse.move(3, 3);
      await workbench.page.waitForTimeout(1200);
      await workbench.screenshot(`picture-${name}-${theme}`);
    }
    await workbench.setTheme("dark");
  }

  async function openRuns(): Promise<void> {
    await workbench.setViewExpanded(/^lora-pipeline/, false);
    await workbench.setViewExpanded("Training Runs", true);
    await row(/^01-svd/).waitFor();
  }

  test("the editor", async () => {
    await openRuns();
    await row(/^checkpoint-120/).click();
    await page().getByRole("tab", { name: "Overview" }).waitFor();
    await inEachTheme("overview");
    await page()
      .getByRole("tab", { name: /Tensors/ })
      .click();
    await page()
      .getByRole("button", { name: /Expand all/ })
      .click();
    await page()
      .getByRole("row", { name: /lora_A/ })
      .or(page().getByRole("treeitem", { name: /lora_A/ }))
      .nth(2)
      .click();
    await inEachTheme("tensors");
    await page().getByRole("tab", { name: "Training" }).click();
    await inEachTheme("training");
    await page().getByRole("tab", { name: "LoRA" }).click();
    await page()
      .getByRole("row", { name: /layers\.1\.mlp\.down_proj/ })
      .first()
      .click();
    await inEachTheme("lora");
  }, 180_000);

  test("the comparison", async () => {
    await openRuns();
    await row(/^01-svd/).click();
    await page().getByRole("tab", { name: "Overview" }).waitFor();
    for (const name of [/^02-rank-reduction/, /^checkpoint-240/])
      await row(name).click({ modifiers: ["ControlOrMeta"] });
    await workbench.pickFromContextMenu(row(/^02-rank-reduction/), "Compare Selected Snapshots");
    await page()
      .getByRole("row", { name: /layers\.1\.mlp\.down_proj/ })
      .first()
      .waitFor();
    await inEachTheme("compare");
    await page()
      .getByRole("row", { name: /layers\.1\.mlp\.down_proj/ })
      .first()
      .click();
    await inEachTheme("compare-module");
  }, 180_000);

  test("the run", async () => {
    await openRuns();
    await workbench.pickFromContextMenu(row(/^lora-pipeline/), "Open Chart of Run");
    await page().getByText("Loss").first().waitFor();
    await inEachTheme("run");
  }, 180_000);
});
