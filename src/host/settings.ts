import * as vscode from "vscode";

const section = "checkpointExplorer";

export interface RunSettings {
  /** Glob patterns relative to a workspace folder, besides `files.exclude`. */
  readonly exclude: readonly string[];
  readonly maxDepth: number;
  readonly maxFolders: number;
}

export function runSettings(): RunSettings {
  const settings = vscode.workspace.getConfiguration(section);
  return {
    exclude: [...settings.get<string[]>("runs.exclude", []), ...enabledPatterns("files.exclude")],
    maxDepth: settings.get("runs.maxDepth", 8),
    maxFolders: settings.get("runs.maxFolders", 20_000),
  };
}

export function revealRunsOnOpen(): boolean {
  return vscode.workspace.getConfiguration(section).get("runs.revealOnOpen", true);
}

/** `files.exclude` maps a pattern to whether it applies; conditions on siblings are not for folders of weights. */
function enabledPatterns(setting: string): string[] {
  const patterns = vscode.workspace.getConfiguration().get<Record<string, unknown>>(setting, {});
  return Object.entries(patterns).flatMap(([pattern, enabled]) => (enabled === true ? [pattern] : []));
}

/** Calls `listener` when one of the settings that decide which runs are found has changed. */
export function onRunSettingsChanged(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`${section}.runs`) || event.affectsConfiguration("files.exclude"))
      listener();
  });
}
