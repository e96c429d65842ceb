import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Comparison as SnapshotComparison } from "../../src/core/compare/comparison";
import { compareReport } from "../../src/core/report/compareReport";
import { inspectReport } from "../../src/core/report/inspectReport";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { projectRoot } from "../support/projectRoot";
import { parsePythonJson } from "./pythonJson";

interface ReferenceModule {
  readonly rank: number;
  readonly scale: number;
  readonly normA: number;
  readonly normB: number;
  readonly frobenius: number;
  readonly spectral: number;
  readonly stableRank: number;
  readonly effectiveRank: number;
  readonly singularValues: readonly number[];
}

interface ReferenceChange {
  readonly cosine: number;
  readonly relativeChange: number;
}

interface References {
  /** By file, by the name of the first factor. */
  readonly files: Readonly<Record<string, Readonly<Record<string, ReferenceModule>>>>;
  readonly pairs: readonly {
    readonly first: string;
    readonly second: string;
    readonly modules: Readonly<Record<string, ReferenceChange>>;
  }[];
}

/** A module of the corpus's EXPECTED_lora.json. */
interface ExpectedModule {
  readonly r: number;
  readonly scaling: number;
  readonly A_fro: number;
  readonly B_fro: number;
  readonly delta_fro: number;
  readonly sv: readonly number[];
  readonly effective_rank_entropy: number;
  readonly delta_change_fro?: number;
  readonly cos_to_prev?: number;
}

type Row = Awaited<ReturnType<typeof inspectReport>> extends { adapter?: infer A } ? A : never;

/** Relative; a singular value that is next to nothing keeps fewer of its digits. */
const tolerance = 1e-6;
const smallTolerance = 1e-3;
const smallShare = 1e-6;
/** Below this share of σ₁ a value is rounding on both sides. */
const roundingShare = 1e-13;

const counts = { adapters: 0, modules: 0, numbers: 0, smallValues: 0, pairs: 0, changes: 0 };
const misses: string[] = [];
const explained: string[] = [];
let worst = 0;

function close(what: string, actual: number | undefined, expected: number, allowed = tolerance): void {
  counts.numbers++;
  const difference = Math.abs((actual ?? Number.NaN) - expected);
  const relativeDifference = expected === 0 ? difference : difference / Math.abs(expected);
  if (!(relativeDifference <= allowed)) misses.push(`${what}: ${actual} instead of ${expected}`);
  else if (allowed === tolerance) worst = Math.max(worst, relativeDifference);
}

function spectrum(what: string, actual: Float64Array | readonly number[], expected: readonly number[]): void {
  const first = expected[0] ?? 0;
  if (actual.length !== expected.length)
    misses.push(`${what}: ${actual.length} values instead of ${expected.length}`);
  for (const [k, value] of expected.entries()) {
    const own = actual[k] ?? Number.NaN;
    if (value <= roundingShare * first && own <= roundingShare * first) continue;
    const isSmall = value < smallShare * first;
    if (isSmall) counts.smallValues++;
    close(`${what} σ${k + 1}`, own, value, isSmall ? smallTolerance : tolerance);
  }
}

/** The rows of `inspect --json`, by the name of each module's first factor. */
async function inspectRows(path: string) {
  const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const report = await inspectReport(
    path,
    session,
    { tensors: new Map(), problems: [] },
    { showSecrets: true },
  );
  const rows = "adapter" in report ? (report as { adapter: NonNullable<Row> }).adapter.modules : [];
  return new Map(rows.map((row, index) => [session.adapter?.modules[index]?.a.name ?? row.module, row]));
}

async function checkFile(folder: string, file: string, expected: Readonly<Record<string, ReferenceModule>>) {
  counts.adapters++;
  const rows = await inspectRows(join(folder, file));
  for (const [name, reference] of Object.entries(expected)) {
    counts.modules++;
    const row = rows.get(name);
    const what = `${file} ${name}`;
    if (row === undefined) {
      misses.push(`${what}: not found`);
      continue;
    }
    close(`${what} rank`, row.rank, reference.rank);
    close(`${what} scale`, row.scale, reference.scale);
    for (const metric of ["normA", "normB", "frobenius", "spectral", "stableRank", "effectiveRank"] as const)
      close(`${what} ${metric}`, row[metric], reference[metric]);
    spectrum(what, row.singularValues, reference.singularValues);
  }
}

const noTensors = {
  alignment: { rows: [], separator: ".", aligned: [], problems: [] },
  table: undefined,
} as const;

/** The pairs of `compare --json`, by the name of each module's first factor. */
async function comparedPairs(paths: readonly string[]) {
  const comparison = await SnapshotComparison.compute(nodeFiles, paths, () => undefined, { pairing: "all" });
  const names = new Map(
    comparison.snapshots[0]?.session?.adapter?.modules.map(({ module, a }) => [module, a.name]),
  );
  const { modules } = compareReport(comparison, { paths, findings: noTensors, problems: [] });
  return new Map(modules.map(({ module, pairs }) => [names.get(module) ?? module, pairs[0]]));
}

async function checkPair(folder: string, { first, second, modules }: References["pairs"][number]) {
  counts.pairs++;
  const pairs = await comparedPairs([join(folder, first), join(folder, second)]);
  for (const [name, { cosine, relativeChange }] of Object.entries(modules)) {
    counts.changes++;
    const pair = pairs.get(name);
    const what = `${first} → ${second} ${name}`;
    close(`${what} cosine`, pair?.cosine, cosine);
    close(`${what} relative change`, pair?.relativeChange, relativeChange);
  }
}

/** The numbers that the corpus's own maker wrote down, by stage and module. */
async function checkExpected(folder: string, file: string, references: References) {
  const stages = parsePythonJson(readFileSync(file, "utf8")) as Readonly<
    Record<string, Readonly<Record<string, ExpectedModule>>>
  >;
  let before: string | undefined;
  for (const [step, modules] of Object.entries(stages)) {
    const path = join(dirname(file), `checkpoint-${step}`, "adapter_model.safetensors");
    const name = relative(folder, path);
    const rows = await inspectRows(path);
    const pairs = before === undefined ? undefined : await comparedPairs([before, path]);
    for (const [module, expected] of Object.entries(modules)) {
      const [factor, row] = [...rows].find(([a]) => a.includes(`.${module}.lora_`)) ?? ["", undefined];
      const what = `${relative(folder, file)} ${step} ${module}`;
      const reference = references.files[name]?.[factor];
      if (reference !== undefined && isOfAnotherFile(reference, expected)) {
        explained.push(
          `${what}: it says ‖B‖ = ${expected.B_fro}, but all of B in ${name} is 0 (numpy finds so too): the corpus's script writes the file anew, with zeros, after it wrote down the numbers.`,
        );
        close(`${what} ‖ΔW‖ of zeros`, row?.frobenius, 0);
        continue;
      }
      close(`${what} rank`, row?.rank, expected.r);
      close(`${what} scale`, row?.scale, expected.scaling);
      close(`${what} ‖A‖`, row?.normA, expected.A_fro);
      close(`${what} ‖B‖`, row?.normB, expected.B_fro);
      close(`${what} ‖ΔW‖`, row?.frobenius, expected.delta_fro);
      close(`${what} effective rank`, row?.effectiveRank, expected.effective_rank_entropy);
      spectrum(what, row?.singularValues ?? [], expected.sv);
      if (pairs === undefined || expected.delta_change_fro === undefined) continue;
      const norm = stages[stepBefore(stages, step)]?.[module]?.delta_fro ?? Number.NaN;
      const pair = pairs.get(factor);
      close(`${what} change`, pair?.relativeChange, expected.delta_change_fro / norm);
      close(`${what} cosine`, pair?.cosine, expected.cos_to_prev ?? Number.NaN);
    }
    before = path;
  }
}

function stepBefore(stages: Readonly<Record<string, unknown>>, step: string): string {
  const steps = Object.keys(stages);
  return steps[steps.indexOf(step) - 1] ?? "";
}

/** The numbers were computed of values that are not those in the file. */
function isOfAnotherFile(reference: ReferenceModule, expected: ExpectedModule): boolean {
  return reference.normB === 0 && expected.B_fro !== 0;
}

function expectedFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("EXPECTED_lora.json"))
    .map((path) => join(folder, path))
    .sort();
}

/**
 * `npm run test:corpus:lora -- DIR`: holds what `inspect` and `compare` print of every adapter below DIR against
 * numpy (loraReference.py) and against the corpus's own EXPECTED_lora.json. Ends with 1 when a number differs.
 */
const [folder] = process.argv.slice(2);
if (folder === undefined || !existsSync(folder)) {
  console.error("usage: npm run test:corpus:lora -- DIR");
  process.exitCode = 2;
} else {
  const script = join(projectRoot, "test", "corpus", "loraReference.py");
  const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  const output = execFileSync(python, [script, folder], { encoding: "utf8", maxBuffer: 1 << 28 });
  const references = JSON.parse(output) as References;
  for (const [file, modules] of Object.entries(references.files)) await checkFile(folder, file, modules);
  for (const pair of references.pairs) await checkPair(folder, pair);
  const known = expectedFiles(folder);
  for (const file of known) await checkExpected(folder, file, references);
  console.log(
    `${counts.adapters} adapters with ${counts.modules} modules, ${counts.pairs} pairs of snapshots with ` +
      `${counts.changes} changes, ${known.length} EXPECTED_lora.json: ${counts.numbers} numbers compared ` +
      `(${counts.smallValues} of them σ below ${smallShare}·σ₁, held to ${smallTolerance}; the others to ` +
      `${tolerance}, worst ${worst.toExponential(1)}).`,
  );
  for (const text of explained) console.log(`\nNOTE ${text}`);
  for (const miss of misses.slice(0, 40)) console.log(`MISSED ${miss}`);
  console.log(`\n${misses.length} missed.`);
  process.exitCode = misses.length > 0 || counts.adapters === 0 ? 1 : 0;
}
