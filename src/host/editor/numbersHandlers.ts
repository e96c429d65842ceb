import type { Handlers } from "../../protocol/channel";
import type { NumbersHostCalls } from "../../protocol/numbersSurface";
import type { WorkerClient } from "../analysis/workerClient";
import type { CheckpointDocument } from "./checkpointDocument";

/** Answers the page's questions about the numbers in the tensors of an open checkpoint. */
export function numbersHandlers(
  document: CheckpointDocument,
  worker: WorkerClient,
): Handlers<NumbersHostCalls> {
  return {
    values: async (request, signal) =>
      worker.call("values", { handle: await document.openHandle(), ...request }, signal),
  };
}
