import { resolve } from "node:path";
import type { MakeOptions } from "../../core/report/makeAdapter";
import { nodeFiles } from "../../worker/nodeFiles";
import { nodeSink, removeUnfinished } from "../../worker/nodeSink";
import { defaultThreads } from "../../worker/numbers/findInTensors";
import { NumbersPool } from "../../worker/numbers/numbersPool";
import { toolVersion } from "../../worker/toolVersion";
import type { MakeFlags } from "./makeFlags";

/** The signals that ask a program to end. */
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * For what `reduce` and `extract` write. Whatever ends the program, nothing half-written stays: the first Ctrl-C
 * cancels, which waits for the product that is being computed, the second ends at once.
 */
export function makeOptions({ out, replace }: Pick<MakeFlags, "out" | "replace">): MakeOptions {
  const controller = new AbortController();
  process.once("exit", removeUnfinished);
  for (const ending of endings) {
    process.on(ending, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  const work = {
    signal: controller.signal,
    pause: () => new Promise<void>((resume) => setImmediate(resume)),
  };
  // Its threads are at work or hold nobody back.
  const pool = new NumbersPool({ threads: defaultThreads() });
  return {
    ...work,
    makeFactors: pool.makeFactors(work),
    files: nodeFiles,
    sink: nodeSink,
    out: resolve(out),
    replace,
    toolVersion,
    now: new Date(),
  };
}
