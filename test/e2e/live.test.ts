import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Trainer,
  type TrainingOptions,
  TrainingProcess,
  whyNoTorch,
} from "../support/made/training/trainingProcess";
import { openWindow, watchWindow } from "../support/vscode/openWindow";
import type { Workbench } from "../support/vscode/workbench";

/** A real training writes while the window is open: what the tree, the status bar and the chart say meanwhile. */

let scratch: string;
let workbench: Workbench;
let training: TrainingProcess | undefined;

const noTorch = whyNoTorch();
if (noTorch !== undefined) console.log(noTorch);
const trainers: readonly Trainer[] = noTorch === undefined ? ["node", "torch"] : ["node"];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "live-"));
  const workspace = join(scratch, "project");
  mkdirSync(workspace);
  workbench = await openWindow({ workspace, viewport: { width: 1400, height: 900 } });
});

afterAll(async () => {
  await workbench?.close();
  rmSync(scratch, { recursive: true, force: true });
});

watchWindow(() => workbench);

afterEach(async () => {
  await training?.kill();
  training = undefined;
  await workbench.closeAllEditors();
  for (const name of readdirSync(workbench.folder).filter((each) => !each.startsWith(".")))
    rmSync(join(workbench.folder, name), { recursive: true });
});

async function start(trainer: Trainer, options: TrainingOptions): Promise<TrainingProcess> {
  training = await TrainingProcess.start(trainer, options);
  return training;
}

function page() {
  return workbench.webviewFrame();
}

/** As if what was written last had been written some minutes ago. */
function age(folder: string, minutes: number): void {
  const seconds = Date.now() / 1000 - minutes * 60;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    utimesSync(join(entry.parentPath, entry.name), seconds, seconds);
}

describe.each(trainers)("a training that writes while one looks (%s)", (trainer) => {
  const plan = { steps: 1000, logEvery: 5, saveEvery: 40, stepMs: 60 };

  test("shows its points and checkpoints as they come, survives a kill in a save, and goes on", async () => {
    const runs = await workbench.openRuns();
    await runs.getByText("No checkpoints were found").waitFor();
    const output = join(workbench.folder, trainer);
    const row = (says = "") => runs.getByRole("treeitem", { name: new RegExp(`^${trainer} .*${says}`) });
    const checkpoint = (step: number, says = "") =>
      runs.getByRole("treeitem", { name: new RegExp(`^checkpoint-${step} .*${says}`) });
    const status = workbench.page.getByRole("button", { name: new RegExp(`^Training run ${trainer}`) });
    const shownStep = async () =>
      Number(/([\d,]+) of/.exec((await status.getAttribute("aria-label")) ?? "")?.[1]?.replace(",", ""));

    const first = await start(trainer, { ...plan, output, holdInSave: 160 });
    // Before there is a checkpoint: the event file alone.
    await row("log only").or(row("1 checkpoint")).first().waitFor();
    await first.until("saved 40");
    await checkpoint(40, "loss .* · eval ").waitFor();
    await row("of 1,000 .* left").waitFor();
    await status.waitFor();
    const before = await shownStep();
    await expect.poll(shownStep, { timeout: 20_000 }).toBeGreaterThan(before);

    // What is selected and expanded stays so while rows come and change.
    await workbench.selectRows(checkpoint(40));
    await workbench.waitForEditor("model.safetensors");
    await checkpoint(40).locator(".monaco-tl-twistie").click();
    await runs.getByRole("treeitem", { name: /^model weights/ }).waitFor();
    await first.until("saved 80");
    await checkpoint(80, "loss ").waitFor();
    await runs.getByRole("treeitem", { name: /^checkpoint-40 /, selected: true, expanded: true }).waitFor();
    await runs.getByRole("treeitem", { name: /^model weights/ }).waitFor();

    // The status bar leads to the chart, whose table has what was logged.
    await status.click();
    await workbench.waitForEditor(trainer);
    await page().getByRole("button", { name: "Table", exact: true }).click();
    const table = page().getByRole("grid", { name: "Training log" });
    await table.waitFor();
    const goTo = page().getByRole("textbox", { name: "Go to step" });
    /** One row of that step, and the loss in it to four digits. */
    const shows = async (step: number, loss = Number.NaN) => {
      const rounded = loss.toPrecision(4);
      const lookUp = async () => {
        await goTo.fill("");
        await goTo.fill(`${step}`);
        const texts = await table.getByRole("row", { name: new RegExp(`^${step} `) }).allInnerTexts();
        return texts.map((text) => text.split(/\s+/).some((cell) => Number(cell).toPrecision(4) === rounded));
      };
      await expect.poll(lookUp, { timeout: 30_000 }).toEqual([true]);
    };
    await shows(60, first.logged.loss.get(60));
    await first.until(/^loss 100 /);
    await shows(100, first.logged.loss.get(100));

    // Killed in the middle of a save: at first it may still go on, then it is incomplete.
    await first.until(/^holding in the middle of/);
    await checkpoint(160, "being saved").waitFor();
    await first.kill();
    age(join(output, "checkpoint-160"), 5);
    await checkpoint(160, "problem.*incomplete").waitFor();
    await checkpoint(120, "last").waitFor();

    // Resumed from the last whole one: the same steps again, once each, with the newer values.
    const second = await start(trainer, { ...plan, stepMs: 20, output, resume: true });
    await second.until("resumed from 120");
    await second.until("saved 200");
    await checkpoint(160, "loss .* · eval ").waitFor();
    await checkpoint(200, "loss ").waitFor();
    await expect.poll(() => row().count()).toBe(1);
    expect(second.logged.loss.get(140)).not.toBe(first.logged.loss.get(140));
    await workbench.editorTab(trainer).click();
    await shows(140, second.logged.loss.get(140));
    await shows(60, first.logged.loss.get(60));
    await expect.poll(() => table.getByRole("row", { name: /^140 / }).count()).toBeLessThanOrEqual(1);
  }, 180_000);
});

test("the status bar says nothing once nothing is written, and nothing at all where the setting says so", async () => {
  const output = join(workbench.folder, "short");
  const runs = await workbench.openRuns();
  const short = await start("node", { output, steps: 40, logEvery: 5, saveEvery: 20, stepMs: 30 });
  await short.until("done");
  await runs.getByRole("treeitem", { name: /^short step 40 of 40 / }).waitFor();
  age(output, 60);
  await workbench.runCommand("Checkpoint Explorer: Refresh Training Runs");
  await workbench.page.getByRole("button", { name: /^Training run / }).waitFor({ state: "detached" });
});
