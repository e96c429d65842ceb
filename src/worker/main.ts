import { parentPort } from "node:worker_threads";
import { Channel, type NoCalls } from "../protocol/channel";
import type { WorkerCalls } from "../protocol/workerApi";
import { useFastProducts } from "./fastProducts";
import { workerHandlers } from "./workerHandlers";

/** The thread's entry point: connects its answers to the extension. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

useFastProducts();

new Channel<WorkerCalls, NoCalls>(
  {
    post: (message) => port.postMessage(message),
    onMessage: (listener) => port.on("message", listener),
  },
  workerHandlers(),
);
