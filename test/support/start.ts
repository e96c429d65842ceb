import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot, scratchFolder } from "./projectRoot";
import { installCodeServer } from "./vscode/installCodeServer";
import { buildExtension, packExtension } from "./vscode/packExtension";
import { quietSettings, startVscodeServer, workspaceUrl, writeUserSettings } from "./vscode/vscodeServer";

const usage = `npm start [-- OPTIONS]
Builds the extension and opens it in a VS Code that runs in the browser.

  --folder DIR   opens DIR instead of a copy of the sample run
  --port N       listens on port N instead of a free one`;

const home = join(scratchFolder, "start");

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function readOptions(): { folder?: string; port?: number } {
  const { folder: given, port, help } = parseOrFail();
  if (help === true) {
    console.log(usage);
    process.exit(0);
  }
  // npm runs scripts in the folder of package.json; the user's own folder is in INIT_CWD.
  const folder = given === undefined ? undefined : resolve(process.env.INIT_CWD ?? ".", given);
  if (folder !== undefined && !(existsSync(folder) && statSync(folder).isDirectory())) {
    fail(`--folder: ${folder} is not a folder.`);
  }
  const portNumber = port === undefined ? undefined : Number(port);
  if (portNumber !== undefined && !(Number.isInteger(portNumber) && portNumber > 0 && portNumber < 65536)) {
    fail(`--port: ${port} is not a port number.`);
  }
  return {
    ...(folder === undefined ? {} : { folder }),
    ...(portNumber === undefined ? {} : { port: portNumber }),
  };
}

function parseOrFail() {
  const options = {
    folder: { type: "string" },
    port: { type: "string" },
    help: { type: "boolean" },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`);
  }
}

/** A copy, so that a stage that is set or a file that is made while trying things out does not end up in git. */
function copySample(): string {
  const workspace = join(home, "sample");
  rmSync(workspace, { recursive: true, force: true });
  mkdirSync(workspace, { recursive: true });
  const sample = join(projectRoot, "media", "sample");
  const isPartOfIt = (file: string) => !file.endsWith("makeSample.py");
  if (existsSync(sample)) cpSync(sample, workspace, { recursive: true, filter: isPartOfIt });
  return workspace;
}

async function start(): Promise<void> {
  const options = readOptions();
  if (!buildExtension()) process.exit(1);
  const vsix = join(home, "checkpoint-explorer.vsix");
  packExtension(vsix);
  const entry = installCodeServer();
  writeUserSettings(home, quietSettings);
  const port = options.port === undefined ? {} : { port: options.port };
  const server = await startVscodeServer({ entry, home, vsix, ...port });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, async () => {
      console.log("\nStopping ...");
      await server.stop();
      process.exit(0);
    });
  }
  const folder = options.folder ?? copySample();
  console.log(`
Checkpoint Explorer is running. Open this address in a browser:

  ${workspaceUrl(server, folder)}

Workspace: ${folder}
Ctrl-C stops it.`);
}

try {
  await start();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
