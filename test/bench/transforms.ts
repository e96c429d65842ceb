import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeValues } from "../../src/core/tensors/encode";
import { type TensorData, writeTensors } from "../support/made/tensorFiles";
import { projectRoot } from "../support/projectRoot";
import { formatMs, median, printTable } from "./measure";

/**
 * `npm run bench:transforms [-- ROUNDS [LAYERS]]`: merging and converting with the command line, as a multiple of copying the same
 * bytes by read and write in a process of its own, in turns. Needs a build; converting needs a Python with torch.
 */
function benchTransforms(rounds: number, layers: number): void {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-transforms-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [base, adapter] = writeModel(folder, layers);
  const cli = join(projectRoot, "dist", "cli.js");
  const cases = [
    {
      what: "merge, rank 16, BF16",
      target: 2.5,
      source: join(base, "model.safetensors"),
      args: [cli, "merge", base, adapter],
    },
    ...pickled(join(folder, "model.pt"), layers).map((source) => ({
      what: "convert .pt",
      target: 1.3,
      source,
      args: [cli, "convert", source, "--to", "safetensors"],
    })),
  ];
  const rows = cases.map(({ what, target, source, args }) => {
    const [ours, copies]: [Used[], Used[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const [out, copy] = [join(folder, "out"), join(folder, "copy")];
      copies.push(runNode(["-e", copying, source, copy]));
      ours.push(runNode([...args, "--out", out, "--json"]));
      for (const path of [out, copy]) rmSync(path, { recursive: true, force: true });
    }
    const of = (used: readonly Used[], key: keyof Used) => median(used.map((each) => each[key]));
    const ratio = (key: keyof Used) => (of(ours, key) / of(copies, key)).toFixed(2);
    const megabytes = statSync(source).size / 1e6;
    return [
      `${what}, ${megabytes.toFixed(0)} MB`,
      ...[`${target}`, ratio("ms"), ratio("processorMs")],
      ...[formatMs(of(ours, "ms")), formatMs(of(copies, "ms")), of(ours, "memoryMb").toFixed(0)],
    ];
  });
  console.log(`New models, read back, against a copy that is on the disk. Medians of ${rounds} rounds.`);
  printTable(["what", "target ×", "×", "processor ×", "ms", "copy ms", "memory MB"], rows);
}

interface Used {
  readonly ms: number;
  readonly processorMs: number;
  /** At its highest. */
  readonly memoryMb: number;
}

/** Tells at its end what the process used. */
const telling = `data:text/javascript,process.on("exit",()=>{const u=process.resourceUsage();process.stderr.write("USED "+(u.userCPUTime+u.systemCPUTime)/1e3+" "+u.maxRSS/1024)})`;

const copying = `const fs = require("node:fs"), [from, to] = process.argv.slice(1).map((path, at) => fs.openSync(path, "rw"[at]));
const piece = Buffer.alloc(1 << 20);
for (let n; (n = fs.readSync(from, piece)) > 0; ) fs.writeSync(to, piece, 0, n);
fs.fsyncSync(to);`;

function runNode(args: readonly string[]): Used {
  const start = performance.now();
  const options = { encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", telling, ...args], options);
  const ms = performance.now() - start;
  const [, processorMs, memoryMb] = /USED (\S+) (\S+)/.exec(stderr) ?? [];
  if (status !== 0 || processorMs === undefined) throw new Error(stdout + stderr);
  return { ms, processorMs: Number(processorMs), memoryMb: Number(memoryMb) };
}

const width = 2048;
const shapes = {
  q_proj: [width, width],
  o_proj: [width, width],
  up_proj: [5504, width],
  down_proj: [width, 5504],
};

/** A base and its adapter, of made values. */
function writeModel(folder: string, layers: number): readonly [base: string, adapter: string] {
  const values = Float64Array.from({ length: width * 5504 }, (_, at) => Math.sin(at * 12.9898) * 0.02);
  const all = encodeValues(values, "BF16");
  const tensor = (name: string, shape: readonly number[]): TensorData => {
    const data = all.subarray(0, 2 * shape.reduce((product, size) => product * size, 1));
    return { name, dtype: "BF16", shape, data };
  };
  const modules = Array.from({ length: layers }, (_, layer) =>
    Object.entries(shapes).map(([name, shape]) => [`model.layers.${layer}.${name}`, shape] as const),
  ).flat();
  const [base, adapter] = [join(folder, "base"), join(folder, "adapter")];
  writeTensors(
    join(base, "model.safetensors"),
    modules.map(([name, shape]) => tensor(`${name}.weight`, shape)),
  );
  writeTensors(
    join(adapter, "adapter_model.safetensors"),
    modules.flatMap(([name, [rows = 0, columns = 0]]) => [
      tensor(`base_model.model.${name}.lora_A.weight`, [16, columns]),
      tensor(`base_model.model.${name}.lora_B.weight`, [rows, 16]),
    ]),
  );
  mkdirSync(adapter, { recursive: true });
  writeFileSync(join(adapter, "adapter_config.json"), '{"peft_type": "LORA", "r": 16, "lora_alpha": 32}');
  return [base, adapter];
}

/** None where no Python has torch. */
function pickled(path: string, layers: number): readonly string[] {
  const script = `import sys, torch
torch.save({f"layers.{i}.weight": torch.full((4096, 4096), i, dtype=torch.bfloat16) for i in range(int(sys.argv[2]))}, sys.argv[1])`;
  const made = [process.env.PYTHON, "/usr/bin/python3", "python3"].some(
    (python) => python !== undefined && spawnSync(python, ["-c", script, path, `${2 * layers}`]).status === 0,
  );
  if (!made) console.log("No Python with torch is here (set PYTHON to one): converting was not measured.");
  return made ? [path] : [];
}

const [rounds, layers] = process.argv.slice(2).map(Number);
benchTransforms(Math.max(1, rounds || 3), Math.max(1, layers || 6));
