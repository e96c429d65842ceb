import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { confirm, pickOne } from "../messages";
import { atomicWrite } from "./atomicWrite";
import type { StageStore } from "./stageStore";

const stageFileName = "checkpoint-stage.json";

interface StageChoice extends vscode.QuickPickItem {
  readonly stage?: string;
  readonly action?: "other" | "clear";
}

const choices: readonly StageChoice[] = [
  { label: "svd", stage: "svd", description: "after singular value decomposition" },
  { label: "rank-reduction", stage: "rank-reduction", description: "after the rank was reduced" },
  { label: "fine-tuning", stage: "fine-tuning", description: "after or during training" },
  { label: "base", stage: "base", description: "the model before any of it" },
  { label: "merged", stage: "merged", description: "adapter and base in one" },
  { label: "Other…", action: "other" },
];

/**
 * Asks for the stage of checkpoints and keeps the answer: in the workspace, or on request in a file beside each
 * checkpoint, where training scripts and colleagues see it too.
 * @param paths the checkpoints' identities: the folder, or the file where it is a file of its own.
 * @returns whether the user gave an answer.
 */
export async function askStage(stages: StageStore, paths: readonly string[]): Promise<boolean> {
  const [first] = paths;
  if (first === undefined) return false;
  const title =
    paths.length === 1 ? `Stage of ${basename(first)}` : `Stage of these ${paths.length} snapshots`;
  const picked = await pickOne([...choices, ...clearChoice(stages, paths)], {
    title,
    placeHolder: "Where in the pipeline was it saved?",
  });
  if (picked === undefined) return false;
  if (picked.action === "clear") {
    await stages.set(paths, undefined);
    return true;
  }
  const stage = picked.stage ?? (await askFreeText(title));
  if (stage === undefined) return false;
  // A label file names its whole folder, so it would be wrong for one file among others.
  const areFolders = await Promise.all(paths.map(async (path) => (await stat(path)).isDirectory()));
  const place = areFolders.every(Boolean) ? await askPlace() : "workspace";
  if (place === undefined) return false;
  const labelled: string[] = [];
  for (const path of paths) {
    if (place === "workspace" || (await writeStageFile(path, stage))) labelled.push(path);
  }
  await stages.set(labelled, stage);
  return true;
}

function clearChoice(stages: StageStore, paths: readonly string[]): StageChoice[] {
  const known = new Set(paths.flatMap((path) => stages.get(path) ?? []));
  if (known.size === 0) return [];
  const names = [...known].map((stage) => `"${stage}"`).join(", ");
  return [{ label: "Clear", description: `forget ${names}`, action: "clear" }];
}

async function askFreeText(title: string): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title,
    prompt: "A short name, e.g. pruned or dpo",
    validateInput: (value) =>
      value.trim() === "" || value.length > 60 ? "Between 1 and 60 characters" : undefined,
  });
  return text?.trim();
}

async function askPlace(): Promise<"workspace" | "file" | undefined> {
  const picked = await pickOne(
    [
      { label: "Keep in this workspace", description: "no file is written", place: "workspace" as const },
      { label: `Also write ${stageFileName}`, description: "beside the checkpoint", place: "file" as const },
    ],
    { title: "Where should the label be kept?" },
  );
  return picked?.place;
}

/** False when the user decided against replacing the file that is there. */
async function writeStageFile(folder: string, stage: string): Promise<boolean> {
  const path = join(folder, stageFileName);
  const content = { stage, createdBy: "Checkpoint Explorer", createdAt: new Date().toISOString() };
  const text = `${JSON.stringify(content, null, 2)}\n`;
  try {
    await atomicWrite(path, text, false);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (!(await confirm(`${path} is there already. Replace it?`, "", "Replace"))) return false;
  await atomicWrite(path, text, true);
  return true;
}
