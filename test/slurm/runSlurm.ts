/**
 * Scans a checkpoint by the cluster's scheduler, a real one that runs on this machine alone: an array of 8 tasks, one
 * of which is killed and put into the queue again. The parts must join to what one process finds, byte for byte.
 *
 *   npm run test:slurm        needs Debian's slurm-wlm and munge, and root
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";

const parts = 8;
const killedPart = 5;
const longestMs = 180_000;

const cli = join(projectRoot, "dist", "cli.js");
const scratch = mkdtempSync(join(tmpdir(), "slurm-"));
const started: ChildProcess[] = [];

function start(name: string, command: string, ...args: readonly string[]): void {
  const child = spawn(command, args, { stdio: "ignore" });
  child.on("exit", (code) => code !== null && code !== 0 && console.log(`${name} ended with ${code}`));
  started.push(child);
}

function need(command: string): void {
  if (spawnSync("which", [command]).status === 0) return;
  throw new Error(`${command} is not installed: apt-get install slurm-wlm munge`);
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = Date.now() + longestMs;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`Waited in vain: ${what}`);
    await sleep(500);
  }
}

function startSlurm(): NodeJS.ProcessEnv {
  const munge = join(scratch, "munge");
  mkdirSync(munge);
  const [uid, gid] = ["-u", "-g"].map((flag) =>
    Number(execFileSync("id", [flag, "munge"], { encoding: "utf8" })),
  );
  const key = join(munge, "munge.key");
  writeFileSync(key, Buffer.from(crypto.getRandomValues(new Uint8Array(128))));
  chmodSync(key, 0o400);
  chownSync(key, uid ?? 0, gid ?? 0);
  chownSync(munge, uid ?? 0, gid ?? 0);
  chmodSync(scratch, 0o755);
  const socket = join(munge, "socket");
  const places = ["pid", "log", "seed"].map((kind) => `--${kind}-file=${join(munge, kind)}`);
  const mungeArgs = ["--force", "--foreground", `--socket=${socket}`, `--key-file=${key}`, ...places];
  start("munged", "runuser", "-u", "munge", "--", "munged", ...mungeArgs);
  const conf = join(scratch, "slurm.conf");
  const in_ = (name: string) => join(scratch, name);
  mkdirSync(in_("state"));
  const settings = [
    "ClusterName=one",
    "SlurmctldHost=localhost",
    "SlurmUser=root",
    "AuthType=auth/munge",
    `AuthInfo=socket=${socket}`,
    "CredType=cred/munge",
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "SelectType=select/cons_tres",
    "ReturnToService=2",
    "MinJobAge=2",
    // A job that is put into the queue again would otherwise wait for two minutes.
    "SchedulerParameters=bf_interval=5,sched_interval=5",
    `StateSaveLocation=${in_("state")}`,
    `SlurmdSpoolDir=${in_("spool-%n")}`,
    `SlurmctldPidFile=${in_("ctld.pid")}`,
    `SlurmdPidFile=${in_("slurmd-%n.pid")}`,
    `SlurmctldLogFile=${in_("ctld.log")}`,
    `SlurmdLogFile=${in_("slurmd-%n.log")}`,
    "SlurmctldPort=7000",
    "NodeName=n[1-2] NodeHostname=localhost Port=[7001-7002] CPUs=1",
    "PartitionName=all Nodes=ALL Default=YES State=UP",
  ];
  writeFileSync(conf, `${settings.join("\n")}\n`);
  start("slurmctld", "slurmctld", "-D", "-f", conf);
  for (const node of ["n1", "n2"]) start(node, "slurmd", "-D", "-f", conf, "-N", node);
  return { ...process.env, SLURM_CONF: conf };
}

/** The command line, but for one part that is killed in its midst at its first attempt and put into the queue again. */
function writeShim(): string {
  const shim = join(scratch, "checkpoint-explorer");
  const run = `"${process.execPath}" "${cli}" "$@"`;
  const lines = [
    "#!/bin/bash",
    `if [ "$SLURM_ARRAY_TASK_ID" = ${killedPart} ] && [ "\${SLURM_RESTART_COUNT:-0}" = 0 ]; then`,
    `  ${run} & child=$!`,
    "  sleep 0.2; kill -9 $child",
    `  touch "${join(scratch, "killed")}"`,
    '  scontrol requeue "$SLURM_JOB_ID"',
    "  sleep 60",
    "fi",
    `exec ${run}`,
  ];
  writeFileSync(shim, `${lines.join("\n")}\n`);
  chmodSync(shim, 0o755);
  return shim;
}

function writeModel(): string {
  const path = join(scratch, "model.safetensors");
  const tensors = Array.from({ length: 97 }, (_, at) => ({
    name: `layers.${at}.weight`,
    dtype: "BF16",
    shape: [64 + 7 * at, 1024],
  }));
  const values = tensors.reduce((sum, { shape: [rows = 0, columns = 0] }) => sum + rows * columns, 0);
  const codes = Uint16Array.from({ length: values }, (_, at) => (at * 40_503) & 0xbfff);
  writeFileSync(path, safetensorsFile({ tensors, data: new Uint8Array(codes.buffer) }));
  return path;
}

function scan(...args: readonly string[]) {
  const { status, stdout } = spawnSync(process.execPath, [cli, "scan", ...args, "--json"], {
    encoding: "utf8",
  });
  return { status, report: JSON.parse(stdout) };
}

function check(what: string, holds: boolean): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}`);
  if (!holds) process.exitCode = 1;
}

async function main(): Promise<void> {
  for (const command of ["munged", "slurmctld", "slurmd", "sbatch"]) need(command);
  if (!existsSync(cli)) throw new Error("Build first: node esbuild.mjs");
  const env = startSlurm();
  const slurm = (command: string, ...args: readonly string[]) =>
    execFileSync(command, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const idle = () => {
    try {
      return slurm("sinfo", "-h", "-N", "-o", "%T")
        .trim()
        .split("\n")
        .every((state) => state === "idle");
    } catch {
      return false; // it does not listen yet
    }
  };
  await until("two nodes that are idle", idle);
  console.log(slurm("sinfo").trim());
  const [model, folder] = [writeModel(), join(scratch, "parts")];
  const script = join(projectRoot, "examples", "slurm", "scan.sbatch");
  const command = `--export=ALL,CHECKPOINT_EXPLORER=${writeShim()}`;
  const output = `--output=${join(scratch, "task-%a.log")}`;
  console.log(
    slurm("sbatch", `--array=1-${parts}`, command, output, script, model, folder, `${parts}`).trim(),
  );
  await until("the end of all tasks", () => slurm("squeue", "-h").trim() === "");
  check("a task was killed", existsSync(join(scratch, "killed")));
  const written = readdirSync(folder).filter((name) => name.endsWith(".scan.json"));
  check(`${parts} parts are there, the killed one too`, written.length === parts);
  const joined = scan("--join", folder);
  check("the parts join", joined.status === 0);
  const whole = scan(model, "--out", join(scratch, "whole"));
  check("one process finds as many tensors", whole.report.tensorsRead === joined.report.tensorsRead);
  const textIn = (of: string) => readFileSync(join(of, "scan.json"), "utf8");
  check("what they say is the same, byte for byte", textIn(folder) === textIn(join(scratch, "whole")));
  rmSync(join(folder, "part-003-of-008.scan.json"));
  const early = scan("--join", folder);
  check("a missing part is named", /Part 3 of 8/.test(early.report.problems?.[0]?.message ?? ""));
}

try {
  await main();
} finally {
  for (const child of started) child.kill();
  await sleep(1000);
  for (const child of started) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
}
