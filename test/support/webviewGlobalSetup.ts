import type { TestProject } from "vitest/node";
import { launchBrowserServer } from "./browser/launchBrowser";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where the browser that all tests of a run share can be reached; see `connectToBrowser`. */
    browserEndpoint: string;
  }
}

/** One browser for all webview tests: it takes more than a second to start. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const browser = await launchBrowserServer();
  project.provide("browserEndpoint", browser.wsEndpoint());
  return () => browser.close();
}
