import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, scratchFolder } from "../projectRoot";

/** VS Code as a server, from npm. Another version may need other install steps, so it is pinned. */
const version = "4.139.1";

function npm(cwd: string, args: readonly string[]): void {
  const script = process.env.npm_execpath;
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const options = { cwd, stdio: ["ignore", "ignore", "inherit"] as ["ignore", "ignore", "inherit"] };
  const { status } =
    script?.endsWith("js") === true
      ? spawnSync(process.execPath, [script, ...args, ...quiet], options)
      : spawnSync("npm", [...args, ...quiet], { ...options, shell: process.platform === "win32" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed while installing the VS Code server.`);
}

/**
 * Makes sure that the VS Code server is there and returns its entry script.
 *
 * It is no devDependency: it is ten times everything else, and only `npm start` and the e2e tests need it. Install
 * scripts are off because they compile native modules, which needs a compiler and headers; the prebuilt ones in
 * the packages do, and two small ones have a stand-in. That leaves the inner `lib/vscode` without its dependencies, so they are installed by hand.
 */
export function installCodeServer(): string {
  const folder = join(scratchFolder, `code-server-${version}`);
  const entry = join(folder, "node_modules", "code-server", "out", "node", "entry.js");
  if (existsSync(entry)) return entry;
  console.log(`Installing the VS Code server (code-server ${version}, about 600 MB) into .vscode-test/ ...`);
  mkdirSync(scratchFolder, { recursive: true });
  const staging = mkdtempSync(join(scratchFolder, "installing-"));
  writeFileSync(join(staging, "package.json"), JSON.stringify({ private: true }));
  npm(staging, ["install", `code-server@${version}`]);
  const vscode = join(staging, "node_modules", "code-server", "lib", "vscode");
  npm(vscode, ["install", "--omit=dev"]);
  const standIns = join(projectRoot, "test", "support", "serverStandIns");
  const native = join(vscode, "node_modules", "@vscode");
  copyFileSync(join(standIns, "spdlog.cjs"), join(native, "spdlog", "index.js"));
  copyFileSync(join(standIns, "nativeWatchdog.cjs"), join(native, "native-watchdog", "index.js"));
  try {
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(entry)) throw error; // else another process was faster
  }
  return entry;
}
