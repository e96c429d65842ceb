import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { themeNames } from "../support/browser/themes";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { copySamplePipeline } from "../support/made/samplePipeline";
import { projectRoot } from "../support/projectRoot";
import { shrinkPng } from "../support/vscode/shrinkPng";
import { withVscode } from "../support/vscode/withVscode";
import { Workbench, type WorkbenchConnection } from "../support/vscode/workbench";
import { type Screen, Stage, screens } from "./screens";

/**
 * Takes pictures of every screen in a real VS Code: `node test/support/bootstrap.mjs test/e2e/screenshots.ts`.
 * Those of the README go to media/screenshots/, those of Get Started to media/walkthrough/ in each theme, and every screen in every theme to test-results/e2e/screens/.
 */

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
