import { rmSync } from "node:fs";
import { join } from "node:path";
import { launchBrowserServer } from "../browser/launchBrowser";
import { scratchFolder } from "../projectRoot";
import { installCodeServer } from "./installCodeServer";
import { buildExtension, packExtension } from "./packExtension";
import { quietSettings, startVscodeServer, type VscodeServer, writeUserSettings } from "./vscodeServer";
import type { WorkbenchConnection } from "./workbench";

export type VscodeConnection = WorkbenchConnection & { readonly server: VscodeServer };

/**
 * Does something with a VS Code and a browser; for scripts, not for tests. It has the extension as it is now, or the
 * one that is packed in the file `peer`.
 */
export async function withVscode(
  purpose: string,
  work: (connection: VscodeConnection) => Promise<void>,
  peer?: string,
): Promise<void> {
  const home = join(scratchFolder, `${purpose}-${process.pid}`);
  const vsix = peer ?? join(home, "checkpoint-explorer.vsix");
  if (peer === undefined) {
    if (!buildExtension()) throw new Error("The build failed.");
    packExtension(vsix);
  }
  writeUserSettings(home, quietSettings);
  const server = await startVscodeServer({ entry: installCodeServer(), home, vsix });
  const browser = await launchBrowserServer();
  try {
    await work({ server, browserEndpoint: browser.wsEndpoint() });
  } finally {
    await browser.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
