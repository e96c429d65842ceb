import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort } from "node:worker_threads";
import { kernelBytes } from "compiled-kernels";
import { PlainKernels } from "../../core/analysis/plainKernels";
import { messageOf } from "../../core/problem/messageOf";
import { WasmKernels } from "../../kernels/wasmKernels";
import { type Job, type JobAnswer, JobControl, type JobMessage } from "./numbersJob";
import { runJob } from "./runJob";

type WorkerFile = typeof import("../main");

/** The entry point of a thread that measures tensors: jobs in, numbers out, one after the other. */
const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const kernels = WasmKernels.create(kernelBytes) ?? new PlainKernels();

async function run(job: Job) {
  if (job.kind !== "updates") return runJob(job, kernels);
  // What opens checkpoints is ten times as much code as the rest, which a scan does not wait for.
  const { threadJobs } = (await import(pathToFileURL(join(__dirname, "worker.js")).href)) as WorkerFile;
  return threadJobs.runUpdates(job, job.control);
}

port.on("message", ({ id, job, control }: JobMessage) => {
  const answer = (message: JobAnswer) => port.postMessage(message);
  run({ ...job, control: JobControl.over(control) } as Job).then(
    (results) => answer({ id, results }),
    (error: unknown) => answer({ id, error: messageOf(error) }),
  );
});
