import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../support/projectRoot";
import { parsePythonJson } from "./pythonJson";
import { Comparison } from "./verdict";

/**
 * `npm run test:torch`: torch makes files of every dtype, layout and container that it can save, and what
 * `inspect --json --sha256 --stats` says of each is held against torch's own numbers. Without torch it says so and
 * is content. Set PYTHON to the interpreter that has torch.
 */
interface ExpectedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256: string;
  readonly stats: Readonly<Record<string, number>> | null;
}

interface Expected {
  readonly torch: string;
  readonly files: Readonly<Record<string, Readonly<Record<string, ExpectedTensor>>>>;
}

interface InspectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256?: string;
  readonly stats?: Readonly<Record<string, number | string>>;
}

/** Summed in another order than numpy sums. */
const relativeTolerance = 1e-9;

function findTorch(): string | undefined {
  const candidates = [process.env.PYTHON, "/usr/bin/python3", "python3"];
  return candidates.find(
    (python) => python !== undefined && spawnSync(python, ["-c", "import torch, numpy"]).status === 0,
  );
}

function inspect(path: string): { readonly tensors: readonly InspectedTensor[]; readonly failure?: string } {
  const cli = join(projectRoot, "dist", "cli.js");
  const args = [cli, "inspect", path, "--json", "--sha256", "--stats"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) return { tensors: [], failure: `exit code ${status}: ${stderr}${stdout.slice(0, 400)}` };
  return JSON.parse(stdout);
}

function compareFile(path: string, expected: Readonly<Record<string, ExpectedTensor>>): Comparison {
  const comparison = new Comparison();
  const { tensors, failure } = inspect(path);
  comparison.check(failure === undefined, failure ?? "");
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  comparison.equal("names", [...found.keys()].sort(), Object.keys(expected).sort());
  for (const [name, wanted] of Object.entries(expected)) {
    const tensor = found.get(name);
    if (tensor === undefined) continue;
    comparison.equal(`${name}: dtype`, tensor.dtype, wanted.dtype);
    comparison.equal(`${name}: shape`, tensor.shape, wanted.shape);
    comparison.equal(`${name}: sha256`, tensor.sha256, wanted.sha256);
    for (const [statistic, value] of Object.entries(wanted.stats ?? {})) {
      const own = Number(tensor.stats?.[statistic]);
      const isClose = Math.abs(own - value) <= relativeTolerance * Math.max(Math.abs(value), scaleOf(wanted));
      comparison.check(isClose, `${name}: ${statistic}: ${own} instead of ${value}`);
    }
  }
  return comparison;
}

/** A mean near zero is as exact as its addends are large. */
function scaleOf({ stats }: ExpectedTensor): number {
  return stats?.absMax ?? 0;
}

function main(): void {
  const python = findTorch();
  if (python === undefined) {
    console.log("No Python with torch and numpy is here (set PYTHON to one): nothing was compared.");
    return;
  }
  if (!existsSync(join(projectRoot, "dist", "cli.js"))) {
    spawnSync(process.execPath, ["esbuild.mjs"], { cwd: projectRoot, stdio: "inherit" });
  }
  const folder = mkdtempSync(join(tmpdir(), "fresh-torch-"));
  try {
    const script = join(projectRoot, "test", "corpus", "makeFreshTorch.py");
    const made = spawnSync(python, [script, folder], {
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    for (const line of made.stderr.split("\n").filter((text) => text.includes("cannot save")))
      console.log(line);
    if (made.status !== 0) throw new Error(`${script} failed: ${made.stderr.slice(-2000)}`);
    const expected = parsePythonJson(readFileSync(join(folder, "expected.json"), "utf8")) as Expected;
    report(folder, expected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(folder: string, { torch, files }: Expected): void {
  const dtypes = new Set<string>();
  let tensors = 0;
  let statistics = 0;
  let missed = 0;
  for (const [name, expected] of Object.entries(files)) {
    const { differences } = compareFile(join(folder, name), expected);
    for (const { dtype, stats } of Object.values(expected)) {
      dtypes.add(dtype);
      tensors++;
      statistics += Object.keys(stats ?? {}).length;
    }
    if (differences.length === 0) continue;
    missed++;
    console.log(`MISSED ${name}`);
    for (const difference of differences.slice(0, 8)) console.log(`  ${difference.slice(0, 300)}`);
  }
  const count = Object.keys(files).length;
  console.log(
    `torch ${torch}: ${count} files, ${tensors} tensors, ${statistics} statistics, ${dtypes.size} dtypes`,
  );
  console.log(`dtypes: ${[...dtypes].sort().join(" ")}`);
  console.log(`${count - missed} agreed, ${missed} missed`);
  if (missed > 0) process.exitCode = 1;
}

main();
