import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const jsx = { jsx: { runtime: "automatic", importSource: "preact" } } as const;

export default defineConfig({
  oxc: jsx,
  test: {
    passWithNoTests: true,
    reporters: ["default"],
    projects: [
      {
        oxc: jsx,
        // The real one exists in VS Code alone.
        resolve: {
          alias: { vscode: fileURLToPath(new URL("test/support/vscodeStandIn.ts", import.meta.url)) },
        },
        test: {
          name: "unit",
          environment: "node",
          testTimeout: 20_000, // property tests on a busy machine
          // Starting a worker for each file took a third of the time; no test replaces a module.
          isolate: false,
          // One less than there are cores would be one on a machine with two.
          maxWorkers: 2,
          globalSetup: ["test/support/unitGlobalSetup.ts"],
          include: ["test/{core,kernels,protocol,worker,host,cli}/**/*.test.{ts,tsx}"],
        },
      },
      {
        oxc: jsx,
        test: {
          name: "webview",
          environment: "node",
          include: ["test/webview/**/*.test.{ts,tsx}"],
          globalSetup: ["test/support/webviewGlobalSetup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A browser on a busy machine may miss one moment; a fault of ours is there again. What passed at the second
          // attempt is listed at the end of the run.
          retry: 1,
          // Generous: a condition that is never met fails all the same, and a busy machine passes.
          expect: { poll: { timeout: 10_000 } },
          // Each file drives a browser, which is itself several processes.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/support/e2eGlobalSetup.ts"],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          retry: 1,
          expect: { poll: { timeout: 10_000 } },
          // One server, and one workbench page at a time: two compete for the same cores.
          fileParallelism: false,
        },
      },
    ],
  },
});
