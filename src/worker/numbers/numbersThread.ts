import { parentPort } from "node:worker_threads";
import { kernelBytes } from "compiled-kernels";
import { PlainKernels } from "../../core/analysis/plainKernels";
import { messageOf } from "../../core/problem/messageOf";
import { WasmKernels } from "../../kernels/wasmKernels";
import { useFastProducts } from "../fastProducts";
import { runFactors } from "../updates/factorsPass";
import { runUpdates } from "../updates/runUpdates";
import { type Job, type JobAnswer, JobControl, type JobMessage } from "./numbersJob";
import { runJob } from "./runJob";

/** The entry point of a thread that measures tensors: jobs in, numbers out, one after the other. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const kernels = WasmKernels.create(kernelBytes) ?? new PlainKernels();

useFastProducts();

function run(job: Job) {
  if (job.kind === "updates") return runUpdates(job);
  return job.kind === "factors" ? runFactors(job) : runJob(job, kernels);
}

port.on("message", ({ id, job, control }: JobMessage) => {
  const answer = (message: JobAnswer) => port.postMessage(message);
  run({ ...job, control: JobControl.over(control) } as Job).then(
    (results) => answer({ id, results }),
    (error: unknown) => answer({ id, error: messageOf(error) }),
  );
});
