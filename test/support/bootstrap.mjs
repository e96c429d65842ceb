/**
 * Runs a script of this repository under the Node it needs: `node test/support/bootstrap.mjs SCRIPT [ARGS…]`.
 *
 * Every npm script starts here, so that each of them works straight after `git clone` with Node 20 and npm alone:
 * what is not installed yet is installed first, then SCRIPT runs under the Node 24 of the `node` package, because
 * the test tools and the VS Code server need more than Node 20. So this file must not import any package.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const support = dirname(fileURLToPath(import.meta.url));
const root = join(support, "../..");
const modules = join(root, "node_modules");
const oldestNodeForTools = 22;

function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined; // missing, or half written by an install that was interrupted
  }
}

/** npm writes the list of what it installed last, so a list that agrees with the lock means a whole install. */
function isInstalled() {
  const locked = lockedPackages(join(root, "package-lock.json"));
  const installed = lockedPackages(join(modules, ".package-lock.json"));
  if (!locked || !installed) return false;
  return Object.entries(locked).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const here = installed[path];
    return here ? here.version === version : optional === true;
  });
}

/** The same npm that started us, or else the one on the PATH. */
function npm(args) {
  const script = process.env.npm_execpath;
  const options = { cwd: root, stdio: ["ignore", "inherit", "inherit"] };
  return script?.endsWith("js")
    ? spawnSync(process.execPath, [script, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
}

function install() {
  console.log("Installing the development packages (npm ci); this takes a minute the first time.");
  // Only errors: the warnings are about the Node version, which is why Node 24 is among the packages.
  const { status } = npm(["ci", "--loglevel=error", "--no-audit", "--no-fund"]);
  if (status !== 0) {
    console.error("npm ci failed; its messages are above.");
    process.exit(status ?? 1);
  }
}

function nodeForTools() {
  const bundled = join(modules, "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(bundled)) return bundled;
  if (Number(process.versions.node.split(".")[0]) >= oldestNodeForTools) return process.execPath;
  console.error(
    `The tools need Node ${oldestNodeForTools} or newer. It comes with the "node" package, whose install script ` +
      "did not run: allow it (npm config ignore-scripts must be off), delete node_modules and try again.",
  );
  return process.exit(1);
}

function run(script, args) {
  const path = `${join(modules, ".bin")}${delimiter}${process.env.PATH ?? ""}`;
  const command = script.endsWith(".ts") ? [join(support, "runTypeScript.mjs"), script] : [script];
  const child = spawn(nodeForTools(), [...command, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  // Ctrl-C reaches the child as well; it decides when to end, and we end with it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGHUP"));
  child.on("error", (error) => {
    console.error(`${script} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node test/support/bootstrap.mjs SCRIPT [ARGS…]");
  process.exit(2);
}
if (!isInstalled()) install();
run(script, args);
