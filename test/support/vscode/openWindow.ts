import { afterEach, expect, inject } from "vitest";
import { Workbench, type WorkbenchOptions } from "./workbench";

/** A window of the server and in the browser that e2eGlobalSetup.ts started. For e2e tests. */
export function openWindow(options: WorkbenchOptions): Promise<Workbench> {
  return Workbench.open(options, {
    server: inject("vscodeServer"),
    browserEndpoint: inject("browserEndpoint"),
  });
}

/** After each test of a file: a picture of where it failed, and no error of ours in the console. */
export function watchWindow(window: () => Workbench | undefined): void {
  afterEach(async ({ task }) => {
    const workbench = window();
    if (workbench === undefined) return;
    if (task.result?.state === "fail") {
      const name = `failed ${task.name}`.replaceAll(/[^a-z0-9]+/gi, "-");
      console.log(`See ${await workbench.screenshot(name)}`);
    }
    expect(workbench.errors.splice(0)).toEqual([]);
  });
}
