import * as vscode from "vscode";

/** The extension's output channel. It is made when the first line is written. */
export type Log = Pick<vscode.LogOutputChannel, "info" | "warn" | "error" | "show">;

export function createLog(subscriptions: vscode.Disposable[]): Log {
  const channel = vscode.window.createOutputChannel("Checkpoint Explorer", { log: true });
  subscriptions.push(channel);
  return channel;
}
