import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { themeNames } from "../support/browser/themes";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { copySamplePipeline } from "../support/made/samplePipeline";
import { projectRoot } from "../support/projectRoot";
import { shrinkPng } from "../support/vscode/shrinkPng";
import { withVscode } from "../support/vscode/withVscode";
import { Workbench, type WorkbenchConnection } from "../support/vscode/workbench";

/**
 * Takes pictures of every screen in a real VS Code: `node test/support/bootstrap.mjs test/e2e/screenshots.ts`.
 * Those of the README go to media/screenshots/, those of Get Started to media/walkthrough/ in each theme, and every screen in every theme to test-results/e2e/screens/.
 */

interface Screen {
  readonly name: string;
  /** Also a picture of the README. */
  readonly readme?: boolean;
  /** Also a picture of the walkthrough, under this name: of that part of a smaller window. */
  readonly walkthrough?: { readonly name: string; readonly part: "sidebar" | "editor" };
  show(stage: Stage): Promise<void>;
}

/** One window, and what the screens find in it. */
class Stage {
  readonly runs: Locator;

  constructor(readonly workbench: Workbench) {
    this.runs = workbench.view("Training Runs");
  }

  get page(): FrameLocator {
    return this.workbench.webviewFrame();
  }

  row(name: string): Locator {
    return this.runs.getByRole("treeitem", { name: new RegExp(`^${name} `) });
  }

  async openCheckpoint(name: string, tab: string): Promise<void> {
    await this.workbench.selectRows(this.row(name));
    await this.tab("Overview").waitFor();
    await this.tab(tab).click();
  }

  tab(name: string): Locator {
    return this.page.getByRole("tab", { name: new RegExp(`^${name}`) });
  }

  /** The stages of the pipeline side by side. */
  async compare(): Promise<void> {
    await this.workbench.selectRows(
      this.row("01-svd"),
      this.row("02-rank-reduction"),
      this.row("checkpoint-240"),
    );
    await this.workbench.pickFromContextMenu(this.row("01-svd"), "Compare Selected Snapshots");
    await this.workbench.waitForEditor("↔");
    await this.page.getByRole("table", { name: "Modules" }).waitFor();
  }
}

const shownModule = "model.layers.0.self_attn.q_proj";

const screens: readonly Screen[] = [
  {
    name: "tree",
    walkthrough: { name: "tree", part: "sidebar" },
    async show(stage) {
      await stage.row("checkpoint-120").click();
      await stage.tab("Overview").waitFor();
      await stage.workbench.closeAllEditors();
      const isExpanded = await stage.row("checkpoint-120").getAttribute("aria-expanded");
      if (isExpanded !== "true") await stage.row("checkpoint-120").locator(".monaco-tl-twistie").click();
      await stage.runs.getByRole("treeitem", { name: /^optimizer state/i }).waitFor();
    },
  },
  {
    name: "overview",
    readme: true,
    walkthrough: { name: "editor", part: "editor" },
    show: (stage) => stage.openCheckpoint("checkpoint-240", "Overview"),
  },
  {
    name: "tensors",
    readme: true,
    async show(stage) {
      await stage.openCheckpoint("checkpoint-240", "Tensors");
      const rows = stage.page.getByRole("treegrid", { name: "Tensors by module" });
      await rows.getByRole("row", { name: /^0 / }).click();
      await rows.getByRole("row", { name: /^self_attn / }).click();
      await rows.getByRole("row", { name: /^q_proj/ }).click();
      await rows.getByRole("row", { name: /^lora_B/ }).click();
      await stage.page.getByRole("region", { name: "Details" }).waitFor();
    },
  },
  {
    name: "tensorTable",
    async show(stage) {
      await stage.openCheckpoint("base", "Tensors");
      await stage.page.getByRole("button", { name: "Table", exact: true }).click();
      await stage.page.getByRole("row").nth(3).click();
      await stage.page.getByRole("region", { name: "Details" }).waitFor();
    },
  },
  {
    name: "training",
    readme: true,
    async show(stage) {
      await stage.openCheckpoint("checkpoint-240", "Training");
      await stage.page.getByRole("button", { name: "Table", exact: true }).waitFor();
    },
  },
  {
    name: "lora",
    async show(stage) {
      await stage.openCheckpoint("02-rank-reduction", "LoRA");
      await stage.page.getByRole("grid").getByRole("row").nth(3).click();
      await stage.page
        .getByRole("region", { name: "Details" })
        .or(stage.page.locator("figure"))
        .first()
        .waitFor();
    },
  },
  {
    name: "health",
    async show(stage) {
      await stage.workbench.openFile("broken/cut.safetensors");
      await stage.tab("Health").click();
    },
  },
  {
    name: "failed",
    async show(stage) {
      await stage.workbench.openFile("broken/pointer.safetensors");
      await stage.page.getByRole("alert").waitFor();
    },
  },
  {
    name: "deleted",
    async show(stage) {
      const { workbench } = stage;
      const name = "deleted.safetensors";
      const path = join(workbench.folder, "broken", name);
      writeFileSync(path, safetensorsFile({ tensors: [{ name: "weight", dtype: "F32", shape: [2, 2] }] }));
      await workbench.openFile(`broken/${name}`);
      await stage.tab("Overview").waitFor();
      rmSync(path);
      await stage.page.getByRole("heading", { name: /was deleted/ }).waitFor();
    },
  },
  ...(["Overview", "Optimizer", "Training"] as const).map(
    (tab): Screen => ({
      name: `handWritten${tab}`,
      async show(stage) {
        await stage.workbench.openFile("ordinary/classifier.pt");
        await stage.tab("Overview").waitFor();
        await stage.tab(tab).click();
        // The lines come after the axes.
        if (tab !== "Training") return;
        await stage.page
          .getByText(/^latest /)
          .first()
          .waitFor();
      },
    }),
  ),
  {
    name: "ganPair",
    async show(stage) {
      await stage.workbench.openFile("ordinary/gan.pt");
      await stage.tab("Overview").waitFor();
    },
  },
  {
    name: "yoloRun",
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("exp"), "Open Chart of Run");
      await stage.page.locator("canvas").first().waitFor();
      const isExpanded = await stage.row("exp").getAttribute("aria-expanded");
      if (isExpanded !== "true") await stage.row("exp").locator(".monaco-tl-twistie").click();
      await stage.row("best.pt").waitFor();
    },
  },
  {
    name: "mergePlan",
    async show(stage) {
      // Alone: of several selected adapters the sum would be merged.
      await stage.row("checkpoint-240").click();
      await stage.workbench.pickFromContextMenu(stage.row("checkpoint-240"), "Merge into Base…");
      await stage.workbench.waitForEditor("Merge into Base");
      await stage.page.getByText("14 modules change 14 weights").waitFor();
    },
  },
  {
    name: "lineage",
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Show Lineage");
      await stage.page.getByText("fine-tuning").first().waitFor();
    },
  },
  {
    name: "compare",
    readme: true,
    walkthrough: { name: "compare", part: "editor" },
    show: (stage) => stage.compare(),
  },
  {
    name: "compareModule",
    async show(stage) {
      await stage.compare();
      await stage.page.getByRole("button", { name: shownModule }).click();
      await stage.page.getByRole("region", { name: "Module details" }).locator("canvas").waitFor();
    },
  },
  {
    name: "run",
    walkthrough: { name: "chart", part: "editor" },
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Open Chart of Run");
      await stage.page.locator("canvas").first().waitFor();
    },
  },
  {
    name: "runTable",
    async show(stage) {
      await stage.workbench.pickFromContextMenu(stage.row("lora-pipeline"), "Open Chart of Run");
      await stage.page.getByRole("button", { name: "Table", exact: true }).click();
      await stage.page.getByRole("grid", { name: "Training log" }).waitFor();
    },
  },
];

const wantedScreens = new Set(process.argv.slice(2));

/** The sample as a user's own folder, with files beside it that are not what they seem. */
function makeWorkspace(parent: string): string {
  const workspace = join(parent, "lora-pipeline");
  copySamplePipeline(workspace);
  return workspace;
}

function addBroken(workspace: string): void {
  const folder = join(workspace, "broken");
  mkdirSync(folder);
  const tensors = ["q_proj", "k_proj", "v_proj"].map((name) => ({
    name: `model.layers.0.self_attn.${name}.weight`,
    dtype: "BF16",
    shape: [64, 64],
  }));
  writeFileSync(join(folder, "cut.safetensors"), safetensorsFile({ tensors }).subarray(0, -4000));
  writeFileSync(
    join(folder, "pointer.safetensors"),
    "version https://git-lfs.github.com/spec/v1\noid sha256:4665a5ea\nsize 13476835328\n",
  );
}

/** What public training loops save: a history inside a checkpoint, a pair of nets, a run of YOLO. */
function addOrdinary(workspace: string): void {
  const copy = (name: string, ...to: readonly string[]) => {
    const path = join(workspace, ...to);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(projectRoot, "test", "fixtures", "ordinary", name), path);
  };
  copy("hist1.pt", "ordinary", "classifier.pt");
  copy("gan.pt", "ordinary", "gan.pt");
  copy("yolo.pt", "exp", "weights", "best.pt");
  copy("yolo_stripped.pt", "exp", "weights", "last.pt");
  const rows = Array.from({ length: 20 }, (_, epoch) => {
    const decay = Math.exp(-epoch / 8);
    const values = [
      0.12 * decay + 0.02,
      0.08 * decay + 0.01,
      0.6 * (1 - decay),
      0.4 * (1 - decay),
      0.1 * decay + 0.03,
    ];
    return [epoch, ...values.map((value) => value.toFixed(5))].join(", ");
  });
  const header = "epoch, train/box_loss, train/cls_loss, metrics/mAP_0.5, metrics/mAP_0.5:0.95, val/box_loss";
  writeFileSync(join(workspace, "exp", "results.csv"), `${header}\n${rows.join("\n")}\n`);
}

/** The window as it is, without what blinks or floats. */
async function takePicture(workbench: Workbench, name: string): Promise<string> {
  await workbench.page.mouse.move(2, 2);
  // Charts draw themselves anew after a change of theme or size.
  await workbench.page.waitForTimeout(400);
  return workbench.screenshot(name);
}

const smallViewport = { width: 1080, height: 620 };

/** A part of a window that is small enough for its text to be read in a picture of the walkthrough. */
async function takeWalkthroughPictures(workbench: Workbench, stage: Stage, wanted: readonly Screen[]) {
  const { page } = workbench;
  const before = page.viewportSize() ?? smallViewport;
  await page.setViewportSize(smallViewport);
  for (const { walkthrough, show } of wanted) {
    if (walkthrough === undefined) continue;
    await workbench.closeAllEditors();
    await show(stage);
    const { name, part } = walkthrough;
    for (const theme of themeNames) {
      await workbench.setTheme(theme);
      await page.mouse.move(2, 2);
      await page.waitForTimeout(400);
      const clip = await page.locator(`.part.${part}`).boundingBox();
      if (clip === null) throw new Error(`There is no ${part}.`);
      const picture = shrinkPng(await page.screenshot({ clip }));
      const path = join(projectRoot, "media", "walkthrough", `${name}-${theme}.png`);
      writeFileSync(path, picture);
      console.log(`${path} ${picture.length} bytes`);
    }
    await workbench.setTheme("dark");
  }
  await page.setViewportSize(before);
}

async function takePictures(connection: WorkbenchConnection, workspace: string): Promise<void> {
  const viewport = { width: 1400, height: 900 };
  const workbench = await Workbench.open({ workspace, inPlace: true, viewport }, connection);
  try {
    await workbench.setViewExpanded("Training Runs", true);
    await workbench.setViewExpanded(/^lora-pipeline/, false);
    await workbench.setSideBarWidth(330);
    const stage = new Stage(workbench);
    await stage.row("base").waitFor();
    const isWanted = ({ name }: Screen) => wantedScreens.size === 0 || wantedScreens.has(name);
    for (const screen of screens.filter((each) => each.readme === true && isWanted(each))) {
      await workbench.closeAllEditors();
      await screen.show(stage);
      const path = await takePicture(workbench, join(projectRoot, "media", "screenshots", screen.name));
      writeFileSync(path, shrinkPng(readFileSync(path)));
      console.log(`${path} ${statSync(path).size} bytes`);
    }
    await takeWalkthroughPictures(workbench, stage, screens.filter(isWanted));
    addBroken(workspace);
    addOrdinary(workspace);
    for (const screen of screens.filter(isWanted)) {
      await workbench.closeAllEditors();
      await screen.show(stage);
      for (const theme of themeNames) {
        await workbench.setTheme(theme);
        await takePicture(workbench, `screens/${screen.name}-${theme}`);
      }
      await workbench.setTheme("dark");
      console.log(screen.name);
    }
  } catch (error) {
    console.error(`See ${await workbench.screenshot("failed-screenshots")}`);
    throw error;
  } finally {
    await workbench.close();
  }
}

const parent = mkdtempSync(join(tmpdir(), "runs-"));
try {
  await withVscode("screenshots", (connection) => takePictures(connection, makeWorkspace(parent)));
} finally {
  rmSync(parent, { recursive: true, force: true });
}
