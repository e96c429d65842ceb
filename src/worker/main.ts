import { parentPort } from "node:worker_threads";
import { Channel } from "../protocol/channel";
import type { WorkerCalls, WorkerHostCalls } from "../protocol/workerApi";
import { WorkerService } from "./workerService";

/** The thread's entry point: connects the service to the extension. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const service = new WorkerService((progress) => channel.notify("progress", progress));
const channel = new Channel<WorkerCalls, WorkerHostCalls>(
  {
    post: (message) => port.postMessage(message),
    onMessage: (listener) => port.on("message", listener),
  },
  service.handlers(),
);
