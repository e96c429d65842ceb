import { parentPort } from "node:worker_threads";
import { kernelBytes } from "compiled-kernels";
import { PlainKernels } from "../../core/analysis/plainKernels";
import { WasmKernels } from "../../kernels/wasmKernels";
import { type Job, type JobAnswer, JobControl, type JobMessage } from "./numbersJob";
import { runJob } from "./runJob";

/** The entry point of a thread that measures tensors: jobs in, numbers out, one after the other. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const kernels = WasmKernels.create(kernelBytes) ?? new PlainKernels();

port.on("message", ({ id, job, control }: JobMessage) => {
  const answer = (message: JobAnswer) => port.postMessage(message);
  runJob({ ...job, control: JobControl.over(control) } as Job, kernels).then(
    (results) => answer({ id, results }),
    (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
