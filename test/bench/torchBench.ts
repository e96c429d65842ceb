import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../support/projectRoot";
import { formatMs, median, printTable } from "./measure";
import { openInFreshProcess } from "./openBench";

const script = join(projectRoot, "test", "bench", "torchFiles.py");

interface Case {
  readonly what: string;
  readonly tensors: number;
  readonly valuesEach: number;
}

const cases: readonly Case[] = [
  { what: "1.3 GB, 325 tensors", tensors: 325, valuesEach: 1_000_000 },
  { what: "89,088 tensors of one value", tensors: 89_088, valuesEach: 1 },
];

/** Opening genuine PyTorch files in a fresh process beside torch.load in one; nothing where torch is not here. */
export async function benchTorch(benchScript: string, folder: string, rounds: number): Promise<void> {
  const python = [process.env.PYTHON, "/usr/bin/python3", "python3"].find(
    (candidate) => candidate !== undefined && spawnSync(candidate, ["-c", "import torch"]).status === 0,
  );
  if (python === undefined) {
    console.log("PyTorch files: no Python with torch is here (set PYTHON to one), nothing was measured.");
    return;
  }
  const rows: string[][] = [];
  for (const { what, tensors, valuesEach } of cases) {
    const path = join(folder, `${tensors}.pt`);
    const made = spawnSync(python, [script, "make", path, `${tensors}`, `${valuesEach}`], {
      encoding: "utf8",
    });
    if (made.status !== 0) throw new Error(made.stderr);
    const ours: { ms: number; grownMb: number }[] = [];
    const theirs: { ms: number; grownMb: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await openInFreshProcess(benchScript, path));
      theirs.push(torchLoad(python, path));
    }
    const own = { ms: median(ours.map(({ ms }) => ms)), mb: median(ours.map(({ grownMb }) => grownMb)) };
    const torch = {
      ms: median(theirs.map(({ ms }) => ms)),
      mb: median(theirs.map(({ grownMb }) => grownMb)),
    };
    rows.push([
      what,
      formatMs(own.ms),
      formatMs(torch.ms),
      (own.ms / torch.ms).toFixed(3),
      own.mb.toFixed(0),
      torch.mb.toFixed(0),
    ]);
  }
  console.log(
    "PyTorch files that torch saved, in fresh processes. Reference: torch.load(map_location='cpu').",
  );
  printTable(["open", "ours", "torch.load", "ratio", "RSS +MB", "torch +MB"], rows);
}

function torchLoad(python: string, path: string): { ms: number; grownMb: number } {
  const { status, stdout, stderr } = spawnSync(python, [script, "load", path], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const [ms = Number.NaN, grownMb = Number.NaN] = stdout.trim().split(" ").map(Number);
  return { ms, grownMb };
}
