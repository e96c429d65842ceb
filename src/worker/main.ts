import { parentPort } from "node:worker_threads";
import { Channel } from "../protocol/channel";
import type { WorkerCalls, WorkerHostCalls } from "../protocol/workerApi";
import { workerHandlers } from "./workerHandlers";

/** The thread's entry point: connects its answers to the extension. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const channel = new Channel<WorkerCalls, WorkerHostCalls>(
  {
    post: (message) => port.postMessage(message),
    onMessage: (listener) => port.on("message", listener),
  },
  workerHandlers(
    (progress) => channel.notify("progress", progress),
    (scanned) => channel.notify("scanned", scanned),
  ),
);
