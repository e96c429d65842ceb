import { Channel, type NoCalls } from "../protocol/channel";
import type { WorkerCalls } from "../protocol/workerApi";
import { useFastProducts } from "./fastProducts";
import { keepCompiled } from "./process/keepCompiled";
import { workerHandlers } from "./workerHandlers";

/** The extension's process: connects its answers to the extension, and ends with it. Throws in any other process. */
export function startWorker(): void {
  const send = process.send?.bind(process);
  if (send === undefined) throw new Error("This file runs as a process of the extension only.");
  process.once("disconnect", () => process.exit());

  useFastProducts();
  keepCompiled(process.env.NODE_COMPILE_CACHE);

  new Channel<WorkerCalls, NoCalls>(
    {
      post: (message) => send(message),
      onMessage: (listener) => process.on("message", listener),
    },
    workerHandlers(),
  );
}
