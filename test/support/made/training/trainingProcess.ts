import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { projectRoot, scratchFolder } from "../../projectRoot";

export type Trainer = "node" | "torch";

export interface TrainingOptions {
  readonly output: string;
  readonly steps: number;
  readonly logEvery: number;
  readonly saveEvery: number;
  /** Milliseconds that each step takes at least. */
  readonly stepMs: number;
  /** Stops for ever in the middle of saving at this step. */
  readonly holdInSave?: number;
  readonly resume?: boolean;
}

const python = "/usr/bin/python3";
const folder = join(projectRoot, "test", "support", "made", "training");

/** Undefined where torch is there; else why the test with it is left out. */
export function whyNoTorch(): string | undefined {
  const { status } = spawnSync(python, ["-c", "import torch"], { stdio: "ignore" });
  return status === 0 ? undefined : `${python} has no torch: the training with it is not tested here.`;
}

/** A training that runs while a test watches it. */
export class TrainingProcess {
  /** What it has logged: the truth to hold findings against. A step that comes again counts with its last value. */
  readonly logged = { loss: new Map<number, number>(), eval_loss: new Map<number, number>() };
  private readonly lines: string[] = [];
  private readonly listeners = new Set<() => void>();
  private ended = false;

  private constructor(private readonly child: ChildProcess) {
    if (child.stdout !== null) createInterface(child.stdout).on("line", (line) => this.hear(line));
    child.stderr?.on("data", (data) => this.lines.push(String(data)));
    child.on("exit", () => {
      this.ended = true;
      this.tell();
    });
  }

  static async start(trainer: Trainer, options: TrainingOptions): Promise<TrainingProcess> {
    const { output, steps, logEvery, saveEvery, stepMs, holdInSave, resume = false } = options;
    const args = [
      ...["--output", output, "--steps", `${steps}`, "--log-every", `${logEvery}`],
      ...["--save-every", `${saveEvery}`, "--step-ms", `${stepMs}`],
      ...(holdInSave === undefined ? [] : ["--hold-in-save", `${holdInSave}`]),
      ...(resume ? ["--resume"] : []),
    ];
    const [command, script] =
      trainer === "torch"
        ? [python, join(folder, "trainTiny.py")]
        : [process.execPath, await bundledTrainer()];
    return new TrainingProcess(spawn(command, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] }));
  }

  /** Waits until it has said this. @throws when it ends without having said so. */
  async until(line: string | RegExp): Promise<void> {
    const isSaid = () =>
      this.lines.some((said) => (typeof line === "string" ? said === line : line.test(said)));
    while (!isSaid()) {
      if (this.ended) throw new Error(`The training ended without saying ${line}:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => {
        this.listeners.add(resolve);
      });
    }
  }

  /** As the kernel does when memory runs out: it has no time to put anything in order. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }

  private hear(line: string): void {
    this.lines.push(line);
    const [metric, step, value] = line.split(" ");
    if (metric === "loss" || metric === "eval_loss") this.logged[metric].set(Number(step), Number(value));
    this.tell();
  }

  private tell(): void {
    const waiting = [...this.listeners];
    this.listeners.clear();
    for (const listener of waiting) listener();
  }
}

let bundle: Promise<string> | undefined;

async function bundledTrainer(): Promise<string> {
  bundle ??= bundleTrainer();
  return await bundle;
}

async function bundleTrainer(): Promise<string> {
  const outfile = join(scratchFolder, `training-${process.pid}`, "trainTiny.mjs");
  mkdirSync(join(outfile, ".."), { recursive: true });
  await build({
    absWorkingDir: projectRoot,
    entryPoints: [join(folder, "trainTiny.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    logLevel: "warning",
  });
  return outfile;
}
