import { rmSync } from "node:fs";
import { join } from "node:path";
import { launchBrowserServer } from "../browser/launchBrowser";
import { scratchFolder } from "../projectRoot";
import { installCodeServer } from "./installCodeServer";
import { buildExtension, packExtension } from "./packExtension";
import { quietSettings, startVscodeServer, type VscodeServer, writeUserSettings } from "./vscodeServer";
import type { WorkbenchConnection } from "./workbench";

/** Does something with a VS Code that has the extension as it is now, and a browser; for scripts, not for tests. */
export async function withVscode(
  purpose: string,
  work: (connection: WorkbenchConnection & { readonly server: VscodeServer }) => Promise<void>,
): Promise<void> {
  if (!buildExtension()) throw new Error("The build failed.");
  const home = join(scratchFolder, `${purpose}-${process.pid}`);
  const vsix = join(home, "checkpoint-explorer.vsix");
  packExtension(vsix);
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
