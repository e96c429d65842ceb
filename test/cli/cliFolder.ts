import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, inject } from "vitest";

/** A folder of its own for the tests of a file, and the command line, built from the sources, run in it as users do. */
export function cliFolder() {
  const folder = mkdtempSync(join(tmpdir(), "cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [inject("cliFile"), ...args], {
      encoding: "utf8",
      cwd: folder,
    });
    return { status, stdout, stderr, json: () => JSON.parse(stdout) };
  };
  return { folder, run };
}

/** Values as the data of an F32 tensor. */
export function floats(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
