import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import { pickMany } from "../messages";
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
 * The checkpoints of the workspace's runs, under the names of their runs.
 * @param onlyModels without those that their names call adapters
 */
export async function knownSnapshots(
  runs: RunsModel,
  exclude: ReadonlySet<string>,
  onlyModels = false,
): Promise<SnapshotItem[]> {
  const { runs: known } = await runs.current();
  return known.flatMap((run) => {
    const choices = run.checkpoints.filter(
      ({ path, mainFile, parts }) =>
        mainFile !== undefined &&
        !exclude.has(path) &&
        !(onlyModels && parts.some(({ part }) => part === "adapter")),
    );
    if (choices.length === 0) return [];
    const heading: SnapshotItem = { label: run.name, kind: vscode.QuickPickItemKind.Separator };
    return [
      heading,
      ...choices.map(({ name, path, stage }) => ({
        label: name,
        description: stage?.stage ?? "",
        detail: path,
        path,
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
