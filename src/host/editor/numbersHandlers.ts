import type { Handlers } from "../../protocol/channel";
import type { NumbersHostCalls, NumbersPageCalls } from "../../protocol/numbersSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { analysisThreads } from "../settings";
import type { CheckpointDocument } from "./checkpointDocument";

export type TellMeasuring = NumbersPageCalls["measuring"];

/** Answers the page's questions about the numbers in the tensors of an open checkpoint. */
export function numbersHandlers(
  document: CheckpointDocument,
  worker: WorkerClient,
  measuring: TellMeasuring,
): Handlers<NumbersHostCalls> {
  return {
    values: async (request, signal) =>
      worker.call("values", { handle: await document.openHandle(), ...request }, signal),
    findNotFinite: async (request, signal) =>
      worker.call("findNotFinite", { handle: await document.openHandle(), ...request }, signal),
    heatMap: async ({ token, ...request }, signal) => {
      const progress = worker.listenToProgress(({ done, total }) => measuring({ token, done, total }));
      try {
        const handle = await document.openHandle();
        return await worker.call("heatMap", { handle, ...request, progressToken: progress.token }, signal);
      } finally {
        progress.dispose();
      }
    },
    tensorNumbers: async ({ tensor, token }, signal) => {
      const progress = worker.listenToProgress(({ done, total }) => measuring({ token, done, total }));
      try {
        const handle = await document.openHandle();
        const long = { threads: analysisThreads(), progressToken: progress.token };
        return await worker.call("tensorNumbers", { handle, tensor, ...long }, signal);
      } finally {
        progress.dispose();
      }
    },
    moments: async (request, signal) =>
      worker.call("moments", { handle: await document.openHandle(), ...request }, signal),
    scanState: () => document.scan.state(),
    scanChunk: ({ id, chunk }) => document.scan.chunk(id, chunk),
    startScan: () => void document.scan.start(),
    cancelScan: () => document.scan.cancel(),
  };
}
