import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { withFileKinds } from "./manifest";
import { projectRoot } from "./projectRoot";
import { coreImports, wrongImports } from "./rooms";

/**
 * `npm run check`: types, lint and format, and what neither of these tools can be told to check.
 * `npm run format` is the same with `--write`: it repairs what can be repaired.
 */
interface Check {
  readonly name: string;
  /** Prints what is wrong and returns false, or returns true. */
  readonly run: () => boolean;
}

const write = process.argv.includes("--write");

function tool(file: string, args: readonly string[]): boolean {
  return (
    spawnSync(process.execPath, [join("node_modules", file), ...args], { stdio: "inherit" }).status === 0
  );
}

function sourceFiles(): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard"];
  const { stdout, status } = spawnSync("git", args, { cwd: projectRoot, encoding: "utf8" });
  if (status !== 0) return []; // an unpacked archive without git: nothing to list
  return stdout.split("\n").filter((file) => [".ts", ".tsx", ".mjs"].includes(extname(file)));
}

/** A finding that is silenced is a finding that comes back: rules are repaired or changed for everybody. */
function noSuppressions(): boolean {
  const marks = ["biome", "ts"].map(
    (tool) => new RegExp(`(//|/\\*|\\{/\\*)\\s*@?${tool}-(ignore|expect-error|nocheck)`),
  );
  const found = sourceFiles().flatMap((file) => {
    const lines = readLines(file);
    return lines.flatMap((line, index) =>
      marks.some((mark) => mark.test(line)) ? [`${file}:${index + 1}`] : [],
    );
  });
  for (const place of found) console.error(`${place}: suppresses a finding`);
  return found.length === 0;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(join(projectRoot, file), "utf8").split("\n");
  } catch {
    return []; // deleted, but still in git's index
  }
}

/** With download addresses in it, the lock file would work only where those addresses do. */
function lockWithoutAddresses(): boolean {
  const found = readLines("package-lock.json").filter((line) => line.includes('"resolved": "http'));
  if (found.length > 0)
    console.error(`package-lock.json holds ${found.length} download addresses; see .npmrc`);
  return found.length === 0;
}

/** Rooms of core import only floors below their own. */
function roomsOnTheirFloors(): boolean {
  const found = wrongImports(coreImports(projectRoot));
  for (const sentence of found) console.error(sentence);
  return found.length === 0;
}

/** What VS Code opens by name is written from the table of files. */
function manifestOfFileKinds(): boolean {
  const path = join(projectRoot, "package.json");
  const text = readFileSync(path, "utf8");
  const written = withFileKinds(text);
  if (write) writeFileSync(path, written);
  if (write || written === text) return true;
  console.error("package.json names other files than fileKinds.ts: npm run format writes them anew.");
  return false;
}

const biome = "@biomejs/biome/bin/biome";
const checks: readonly Check[] = [
  { name: "types", run: () => tool("typescript/bin/tsc", ["-b"]) },
  {
    name: "lint and format",
    run: () => tool(biome, ["check", "--error-on-warnings", ...(write ? ["--write"] : [])]),
  },
  { name: "manifest by fileKinds.ts", run: manifestOfFileKinds },
  { name: "rooms on their floors", run: roomsOnTheirFloors },
  { name: "no suppressed findings", run: noSuppressions },
  { name: "lock file without addresses", run: lockWithoutAddresses },
];

const failed = checks.filter(({ name, run }) => {
  const passed = run();
  console.log(`${passed ? "ok    " : "FAILED"} ${name}`);
  return !passed;
});
process.exitCode = failed.length === 0 ? 0 : 1;
