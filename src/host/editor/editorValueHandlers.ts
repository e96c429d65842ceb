import { dirname } from "node:path";
import * as vscode from "vscode";
import type { Handlers } from "../../protocol/channel";
import type { NumbersHostCalls } from "../../protocol/numbersSurface";
import { forward } from "../analysis/forward";
import type { WorkerClient } from "../analysis/workerClient";
import { analysisThreads } from "../settings";
import type { CheckpointDocument } from "./checkpointDocument";

/** Answers the page's questions about the numbers in the tensors of an open checkpoint. */
export function editorValueHandlers(
  document: CheckpointDocument,
  worker: WorkerClient,
): Handlers<NumbersHostCalls> {
  const own = async () => ({ handle: await document.openHandle() });
  const threaded = async () => ({ ...(await own()), threads: analysisThreads() });
  return {
    packedWeight: forward(worker, "packedWeight", own),
    packedRows: forward(worker, "packedRows", own),
    pieces: forward(worker, "pieces", own),
    values: forward(worker, "values", own),
    findNotFinite: forward(worker, "findNotFinite", own),
    heatMap: forward(worker, "heatMap", threaded),
    tensorNumbers: forward(worker, "tensorNumbers", threaded),
    moments: forward(worker, "moments", own),
    scanState: () => document.scan.state(),
    scanChunk: ({ id, chunk }) => document.scan.chunk(id, chunk),
    startScan: (choice) => void document.scan.start(choice),
    readScan: () => readScan(document),
    cancelScan: () => document.scan.cancel(),
  };
}

/** Asks which scan. Those of a cluster lie where its parts were joined. */
async function readScan({ scan, uri }: CheckpointDocument): Promise<void> {
  const [picked] =
    (await vscode.window.showOpenDialog({
      title: "File that scan wrote, of these files",
      openLabel: "Read Scan",
      filters: { Scan: ["json"] },
      defaultUri: vscode.Uri.file(dirname(uri.fsPath)),
    })) ?? [];
  if (picked !== undefined) await scan.start({ ofCodes: false, anew: true }, picked.fsPath);
}
