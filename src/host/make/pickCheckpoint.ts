import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import type { CheckpointUse } from "../../core/runs/status/checkpointUses";
import { pickOne } from "../messages";
import { knownSnapshots } from "../runs/pickSnapshots";
import type { RunsModel } from "../runs/runsModel";

export interface PickOptions {
  readonly title: string;
  readonly placeHolder: string;
  readonly exclude: readonly string[];
  /** What cannot serve is not offered. */
  readonly use?: CheckpointUse;
}

interface CheckpointItem extends vscode.QuickPickItem {
  readonly path?: string;
  readonly browse?: "files" | "folders";
}

const browseItems = (): readonly CheckpointItem[] => [
  { label: "Browse for a file…", iconPath: new vscode.ThemeIcon("file"), alwaysShow: true, browse: "files" },
  {
    label: "Browse for a folder…",
    iconPath: new vscode.ThemeIcon("folder-opened"),
    alwaysShow: true,
    browse: "folders",
  },
];

/** Lets the user choose one checkpoint of the workspace's runs, or any file or folder of the disk. */
export async function pickCheckpoint(
  runs: RunsModel,
  { title, placeHolder, exclude, use }: PickOptions,
): Promise<string | undefined> {
  const known: readonly CheckpointItem[] = await knownSnapshots(runs, new Set(exclude), use);
  const picked = await pickOne([...known, ...browseItems()], {
    title,
    placeHolder,
    matchOnDescription: true,
  });
  return picked?.browse === undefined ? picked?.path : browse(picked.browse, title);
}

async function browse(what: "files" | "folders", title: string): Promise<string | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title,
    openLabel: "Choose",
    canSelectFiles: what === "files",
    canSelectFolders: what === "folders",
    ...(what === "files"
      ? { filters: { Checkpoints: ["safetensors", "json", "bin", "pt", "pth", "ckpt"], "All files": ["*"] } }
      : {}),
  });
  const path = uris?.[0]?.fsPath;
  return path === undefined ? undefined : checkpointIdentity(path);
}
