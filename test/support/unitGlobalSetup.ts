import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
import { compileKernels, kernelsPlugin } from "../../src/kernels/compileKernels.mjs";
import { projectRoot } from "./projectRoot";

declare module "vitest" {
  export interface ProvidedContext {
    /** The bundle that a thread of a NumbersPool runs. */
    numbersThreadFile: string;
    /** The WebAssembly kernels. */
    kernels: Uint8Array;
  }
}

/** Builds what tests of threads start, so that the tests run from the sources, without `npm run build`. */
export default async function setUp(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-threads-"));
  const numbersThreadFile = join(folder, "numbersThread.cjs");
  await build({
    absWorkingDir: projectRoot,
    entryPoints: ["src/worker/numbers/numbersThread.ts"],
    outfile: numbersThreadFile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    logLevel: "warning",
    plugins: [kernelsPlugin],
  });
  project.provide("numbersThreadFile", numbersThreadFile);
  project.provide("kernels", await compileKernels());
  return () => rmSync(folder, { recursive: true });
}
