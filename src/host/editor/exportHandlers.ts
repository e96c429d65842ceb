import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { messageOf } from "../../core/problem/messageOf";
import { valueDtype } from "../../core/values/valueDtype";
import type { CallListeners, CallProgress, Handlers } from "../../protocol/channel";
import { isAbortError } from "../../protocol/channel";
import type { ExportHostCalls } from "../../protocol/numbersSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { showError, showInformation, withProgress } from "../messages";
import type { CheckpointDocument } from "./checkpointDocument";

/** Asks where to, writes beside the data, and says what was written. */
export function exportHandlers(
  document: CheckpointDocument,
  worker: WorkerClient,
): Handlers<ExportHostCalls> {
  const work = async (
    suggestion: string,
    filters: Record<string, string[]>,
    write: (path: string, handle: number, signal: AbortSignal, listeners: CallListeners) => Promise<string>,
  ) => {
    const folder = document.uri.scheme === "file" ? dirname(document.uri.fsPath) : "";
    const defaultUri = vscode.Uri.file(join(folder, fileName(suggestion)));
    // VS Code asks before it gives the name of a file that is there.
    const target = await vscode.window.showSaveDialog({ defaultUri, filters });
    if (target === undefined) return;
    if (target.scheme !== "file") throw new Error("Files can only be written where the checkpoint is.");
    await writeWithProgress(target.fsPath, async (signal, listeners) => {
      const note = await write(target.fsPath, await document.openHandle(), signal, listeners);
      void tellWritten(target, note);
    });
  };
  return {
    exportTensor: ({ tensor, dtype }) =>
      work(`${tensor.name}.npy`, { NumPy: ["npy"] }, async (path, handle, signal, listeners) => {
        await worker.call("exportTensor", { handle, tensor, path }, signal, listeners);
        const isF32 = valueDtype(dtype)?.kind === "float" && !["F16", "F32", "F64"].includes(dtype);
        return isF32 ? ` NumPy has no ${dtype}; the values are float32, in which each is exact.` : "";
      }),
    exportSlice: ({ tensor, slice }) =>
      work(`${tensor.name}.csv`, { CSV: ["csv"] }, async (path, handle, signal, listeners) => {
        await worker.call("exportSlice", { handle, tensor, slice, path }, signal, listeners);
        return "";
      }),
    exportScan: () =>
      work("statistics.csv", { CSV: ["csv"], JSON: ["json"] }, async (path, handle, signal) => {
        await worker.call("exportScan", { handle, chunks: document.scan.allChunks(), path }, signal);
        return "";
      }),
  };
}

/** A tensor's name as that of a file: dots stay, what a file system refuses does not. */
function fileName(name: string): string {
  const kept = [...name].map((each) => (each < " " || '\\/:*?"<>|'.includes(each) ? "_" : each));
  return kept.join("").slice(-120);
}

function writeWithProgress(
  path: string,
  write: (signal: AbortSignal, listeners: CallListeners) => Promise<void>,
): Thenable<void> {
  return withProgress(`Writing ${path}`, async (report, signal) => {
    let told = 0;
    const onProgress = ({ done, total }: CallProgress) => {
      const percent = total > 0 ? (100 * done) / total : 0;
      report({ increment: percent - told });
      told = percent;
    };
    try {
      await write(signal, { onProgress });
    } catch (error) {
      if (isAbortError(error)) return;
      showError(`Nothing was written. ${messageOf(error)}`);
    }
  });
}

async function tellWritten(target: vscode.Uri, note: string): Promise<void> {
  const reveal = "Reveal in Explorer";
  const chosen = await showInformation(`Wrote ${target.fsPath}.${note}`, reveal);
  if (chosen === reveal) await vscode.commands.executeCommand("revealInExplorer", target);
}
