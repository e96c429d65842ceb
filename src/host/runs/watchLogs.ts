import { dirname } from "node:path";
import * as vscode from "vscode";
import type { RunEntry } from "../../protocol/runSurface";

/** Logs of a run may lie in several places, and each watcher costs. */
const maxWatchedFolders = 16;

/** Calls `onEvent` when something is written where the logs and the checkpoints of these runs lie. */
export function watchLogs(runs: readonly RunEntry[], onEvent: () => void): vscode.Disposable[] {
  const folders = new Set<string>();
  for (const { path, content } of runs) {
    if (content.status !== "ready") continue;
    const logs = content.head.sources.map((source) => dirname(source.path));
    for (const folder of [path, ...logs]) folders.add(folder);
  }
  return [...folders].slice(0, maxWatchedFolders).flatMap((folder) => {
    // Files of the folder itself: what lies deeper has a folder of its own among these.
    const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), "*");
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    return [
      watcher,
      watcher.onDidCreate(onEvent),
      watcher.onDidChange(onEvent),
      watcher.onDidDelete(onEvent),
    ];
  });
}
