import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import { type CheckpointUse, canServe } from "../../core/runs/status/checkpointUses";
import { checkpointRow } from "../../core/runs/status/runRows";
import { pickMany } from "../messages";
import { shownMetrics } from "../settings";
import type { RunsModel } from "./runsModel";

interface SnapshotItem extends vscode.QuickPickItem {
  readonly path?: string;
}

/** Lets the user choose checkpoints of the workspace's runs, or any file. */
export async function pickSnapshots(
  runs: RunsModel,
  exclude: readonly string[],
  title: string,
): Promise<readonly string[]> {
  const browse: SnapshotItem = {
    label: "Browse for a file…",
    iconPath: new vscode.ThemeIcon("folder-opened"),
    alwaysShow: true,
  };
  const items = [...(await knownSnapshots(runs, new Set(exclude))), browse];
  const picked = await pickMany(items, {
    title,
    placeHolder: "Choose one or more snapshots",
    matchOnDescription: true,
  });
  if (picked === undefined) return [];
  const paths = picked.flatMap(({ path }) => (path === undefined ? [] : [path]));
  return picked.includes(browse) ? [...paths, ...(await browseForFiles())] : paths;
}

/**
 * The checkpoints of the workspace's runs that can serve, under the folders of their runs; each says what its row in
 * Training Runs says.
 */
export async function knownSnapshots(
  runs: RunsModel,
  exclude: ReadonlySet<string>,
  use: CheckpointUse = "reading",
): Promise<SnapshotItem[]> {
  const { runs: known } = await runs.current();
  const [metrics, nowMs] = [shownMetrics(), Date.now()];
  return known.flatMap((run) => {
    const choices = run.checkpoints.filter((one) => !exclude.has(one.path) && canServe(use, one));
    if (choices.length === 0) return [];
    const label = vscode.workspace.asRelativePath(run.path);
    const heading: SnapshotItem = { label, kind: vscode.QuickPickItemKind.Separator };
    return [
      heading,
      ...choices.map((one) => ({
        label: one.name,
        description: checkpointRow(run, one, metrics, nowMs).description,
        path: one.path,
      })),
    ];
  });
}

async function browseForFiles(): Promise<string[]> {
  const uris = await vscode.window.showOpenDialog({
    canSelectMany: true,
    filters: { "Checkpoints (safetensors)": ["safetensors", "json"], "All files": ["*"] },
    openLabel: "Compare",
  });
  return (uris ?? []).map((uri) => checkpointIdentity(uri.fsPath));
}
