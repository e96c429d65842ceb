import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { launchBrowserServer } from "./browser/launchBrowser";
import { projectRoot, resultsFolder, scratchFolder } from "./projectRoot";
import { installCodeServer } from "./vscode/installCodeServer";
import { buildExtension, packExtension } from "./vscode/packExtension";
import { quietSettings, startVscodeServer, writeUserSettings } from "./vscode/vscodeServer";

declare module "vitest" {
  export interface ProvidedContext {
    /** The VS Code server of this e2e run: where it answers, and the folder with its user data. */
    vscodeServer: { url: string; home: string };
  }
}

/** One server with the packed extension, and one browser, for all e2e tests: both take seconds to start. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const isBuilt = existsSync(join(projectRoot, "dist", "extension.js")) || buildExtension();
  if (!isBuilt) throw new Error("Without a build there is nothing to test.");
  const home = makeHome();
  const vsix = join(home, "checkpoint-explorer.vsix");
  packExtension(vsix);
  writeUserSettings(home, quietSettings);
  const server = await startVscodeServer({ entry: installCodeServer(), home, vsix });
  const browser = await launchBrowserServer();
  project.provide("vscodeServer", { url: server.url, home });
  project.provide("browserEndpoint", browser.wsEndpoint());
  return async () => {
    await browser.close();
    await server.stop();
    mkdirSync(resultsFolder, { recursive: true });
    cpSync(join(home, "server.log"), join(resultsFolder, "e2e-server.log"));
    rmSync(home, { recursive: true, force: true });
  };
}

/** An empty one for each run: what an earlier one left must not help, and two at a time must not meet. */
function makeHome(): string {
  const prefix = "e2e-";
  mkdirSync(scratchFolder, { recursive: true });
  for (const name of readdirSync(scratchFolder)) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : undefined;
    if (owner !== undefined && !isRunning(owner))
      rmSync(join(scratchFolder, name), { recursive: true, force: true });
  }
  return join(scratchFolder, `${prefix}${process.pid}`);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
