import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
import { compileKernels, compileRelaxedProducts, kernelsPlugin } from "../../src/kernels/compileKernels.mjs";
import { projectRoot } from "./projectRoot";
import { readManifest } from "./vscode/packExtension";

declare module "vitest" {
  export interface ProvidedContext {
    /** The bundle of the command line. */
    cliFile: string;
    /** The bundle that a thread of a NumbersPool runs. */
    numbersThreadFile: string;
    /** The WebAssembly kernels. */
    kernels: Uint8Array;
    /** The products for hosts with relaxed SIMD. */
    relaxedProducts: Uint8Array;
  }
}

/** Builds what tests start as processes and threads, so that they test the sources, without `npm run build`. */
export default async function setUp(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-unit-"));
  await build({
    absWorkingDir: projectRoot,
    entryPoints: [
      { in: "src/cli/engine.ts", out: "engine" },
      { in: "src/worker/numbers/numbersThread.ts", out: "numbersThread" },
    ],
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "cjs",
    mainFields: ["module", "main"],
    target: "node20",
    logLevel: "warning",
    define: { "process.env.CHECKPOINT_EXPLORER_VERSION": JSON.stringify(readManifest().version) },
    plugins: [kernelsPlugin],
  });
  writeFileSync(join(folder, "cli.js"), 'require("./engine.js").engine.runCommandLine();');
  project.provide("cliFile", join(folder, "cli.js"));
  project.provide("numbersThreadFile", join(folder, "numbersThread.js"));
  project.provide("kernels", await compileKernels());
  project.provide("relaxedProducts", await compileRelaxedProducts());
  return () => rmSync(folder, { recursive: true });
}
