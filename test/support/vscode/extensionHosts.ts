import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Ids of the processes in which extensions run, of any VS Code on this machine. Linux only. */
export function extensionHosts(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isExtensionHost(name));
}

function isExtensionHost(pid: string): boolean {
  try {
    return readFileSync(join("/proc", pid, "cmdline"), "utf8").includes("--type=extensionHost");
  } catch {
    return false; // It ended meanwhile.
  }
}

/** What it has in memory now, all its threads included. */
export function residentBytes(pid: string): number {
  return 1024 * numberOf(pid, "status", "VmRSS");
}

/** What it has read since it began, from the file cache too. */
export function readBytes(pid: string): number {
  return numberOf(pid, "io", "rchar");
}

function numberOf(pid: string, file: string, label: string): number {
  const text = readFileSync(join("/proc", pid, file), "utf8");
  return Number(new RegExp(`^${label}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
}
