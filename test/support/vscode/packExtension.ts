import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "../projectRoot";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly publisher: string;
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
}

/** Builds dist/. False, after the messages of esbuild, if that is not possible. */
export function buildExtension(): boolean {
  const { status } = spawnSync(process.execPath, ["esbuild.mjs"], { cwd: projectRoot, stdio: "inherit" });
  return status === 0;
}

/** Every remote machine that is worked on fetches the package. */
const mostBytes = 3e6;

/** Packs what .vscodeignore allows from the current dist/ into `file`. Returns its size and what is in it; throws if it is too large. */
export function packExtension(file: string): { sizeBytes: number; listing: string } {
  mkdirSync(dirname(file), { recursive: true });
  const vsce = join("node_modules", "@vscode", "vsce", "vsce");
  // Without dependencies: everything is in the bundles. Links stay relative: there is no public repository to
  // which they could be made to point.
  const options = [
    "--no-dependencies",
    "--allow-missing-repository",
    "--no-rewrite-relative-links",
    "--out",
    file,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [vsce, "package", ...options], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The extension could not be packed:\n${stdout}${stderr}`);
  const sizeBytes = statSync(file).size;
  if (sizeBytes >= mostBytes)
    throw new Error(`The package has ${sizeBytes} bytes; less than ${mostBytes} are allowed.`);
  return { sizeBytes, listing: `${stdout}${stderr}` };
}
