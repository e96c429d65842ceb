import { parentPort, workerData } from "node:worker_threads";
import { Channel, type NoCalls } from "../protocol/channel";
import { answersExtension, type WorkerCalls } from "../protocol/workerApi";
import { useFastProducts } from "./fastProducts";
import { runUpdates } from "./updates/runUpdates";
import { workerHandlers } from "./workerHandlers";

/**
 * The thread's entry point: connects its answers to the extension. The threads that measure load the same file for what
 * opens checkpoints, of which a file of their own would be a copy.
 */
export const threadJobs = { runUpdates };

useFastProducts();

const port = workerData === answersExtension ? parentPort : null;
if (port !== null) {
  new Channel<WorkerCalls, NoCalls>(
    {
      post: (message) => port.postMessage(message),
      onMessage: (listener) => port.on("message", listener),
    },
    workerHandlers(),
  );
}
