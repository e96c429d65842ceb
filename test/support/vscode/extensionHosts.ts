import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { VscodeServer } from "./vscodeServer";

/** The process in which the extensions of one VS Code run, while others may run beside it. Linux only. */
export async function extensionHostOf({ home }: VscodeServer): Promise<string> {
  const isOurs = (pid: string) => readFileSync(join("/proc", pid, "environ"), "utf8").includes(home);
  for (let waits = 0; waits < 60; waits++) {
    const found = extensionHosts().find(isOurs);
    if (found !== undefined) return found;
    await delay(500);
  }
  throw new Error("The extension host was not found.");
}

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

/** What it has in memory now, with its threads and the worker that it started. */
export function residentBytes(pid: string): number {
  return 1024 * sumOf(pid, "status", "VmRSS");
}

/** What it and its worker have read since they began, from the file cache too. */
export function readBytes(pid: string): number {
  return sumOf(pid, "io", "rchar");
}

/** The process and those that it started. VS Code's own watchers and servers are no part of it. */
export function withWorkers(pid: string): string[] {
  const started = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isWorkerOf(name, pid));
  return [pid, ...started];
}

function isWorkerOf(pid: string, parent: string): boolean {
  try {
    const [, ppid] = /^PPid:\s+(\d+)/m.exec(readFileSync(join("/proc", pid, "status"), "utf8")) ?? [];
    return ppid === parent && readFileSync(join("/proc", pid, "cmdline"), "utf8").includes("worker.js");
  } catch {
    return false; // It ended meanwhile.
  }
}

function sumOf(pid: string, file: string, label: string): number {
  return withWorkers(pid).reduce((sum, each) => sum + numberOf(each, file, label), 0);
}

function numberOf(pid: string, file: string, label: string): number {
  const text = readFileSync(join("/proc", pid, file), "utf8");
  return Number(new RegExp(`^${label}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
}
