import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { inspectReport } from "../../src/core/report/inspectReport";
import type { TensorValues } from "../../src/core/report/valueFindings";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { findInTensors } from "../../src/worker/numbers/findInTensors";
import { projectRoot } from "../support/projectRoot";
import { parsePythonJson } from "./pythonJson";
import { nameOf } from "./torchCorpus";
import { Comparison } from "./verdict";

/**
 * `npm run test:corpus:numbers -- DIR`: holds what `inspect --stats --sha256` tells of every tensor against what NumPy
 * and torch found (EXPECTED/<path>.json): mean and std to 1e-6 of themselves, everything else exactly. Needs a build,
 * of which it starts the threads.
 */
interface ExpectedTensor {
  readonly path: readonly (string | number)[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256?: string;
  readonly int_repr_sha256?: string;
  readonly layout?: string;
  readonly nan?: number;
  readonly inf?: number;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  readonly std?: number;
  readonly absmax?: number;
  readonly zeros?: number;
  /** Of booleans: how many are true. */
  readonly true?: number;
}

interface ExpectedFile {
  readonly kind: string;
  readonly err?: string;
  readonly tensors?: readonly ExpectedTensor[];
}

const counts = { files: 0, refused: 0, tensors: 0, hashes: 0, statistics: 0, withoutReference: 0 };
const byDtype = new Map<string, number>();

async function checkFile(path: string, expected: ExpectedFile): Promise<readonly string[]> {
  const comparison = new Comparison();
  counts.files++;
  let session: CheckpointSession;
  try {
    session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    counts.refused++;
    return [];
  }
  const threadFile = join(projectRoot, "dist/numbersThread.js");
  const wanted = { stats: true, sha256: true };
  const findings = await findInTensors(session, wanted, { threads: 2, threadFile });
  const { tensors } = await inspectReport(path, session, findings, { showSecrets: true });
  const found = new Map<string, TensorValues>(tensors.map((tensor) => [tensor.name, tensor]));
  // Of TorchScript the oracle could not read the object, and names its tensors otherwise.
  if (session.checkpoint.format === "torchscript") return [];
  for (const each of expected.tensors ?? []) {
    const name = nameOf(each.path);
    const tensor = found.get(name);
    // An array of objects holds no bytes; what is missing for another reason is told by the other corpus checks.
    if (tensor === undefined || each.dtype === "|O") continue;
    counts.tensors++;
    compareTensor(name, tensor, each, comparison);
  }
  return comparison.differences;
}

function compareTensor(name: string, found: TensorValues, each: ExpectedTensor, comparison: Comparison) {
  const sha256 = each.sha256 ?? each.int_repr_sha256;
  if (sha256 !== undefined) {
    counts.hashes++;
    comparison.equal(`${name}: sha256`, found.sha256, sha256);
  }
  const { stats } = found;
  if (each.true !== undefined) {
    const elements = each.shape.reduce((product, size) => product * size, 1);
    comparison.equal(`${name}: true`, elements - (stats?.zeros ?? Number.NaN), each.true);
    counts.statistics++;
    return;
  }
  if (each.nan === undefined) {
    counts.withoutReference++;
    return;
  }
  counts.statistics++;
  byDtype.set(each.dtype, (byDtype.get(each.dtype) ?? 0) + 1);
  comparison.equal(`${name}: nan`, stats?.nan, each.nan);
  comparison.equal(`${name}: inf`, stats?.inf, each.inf);
  if (each.min === undefined) return;
  comparison.equal(`${name}: min`, stats?.min, each.min);
  comparison.equal(`${name}: max`, stats?.max, each.max);
  comparison.equal(`${name}: absMax`, stats?.absMax, each.absmax);
  comparison.equal(`${name}: zeros`, stats?.zeros, each.zeros);
  for (const key of ["mean", "std"] as const) {
    const [value, reference] = [stats?.[key] ?? Number.NaN, each[key] ?? Number.NaN];
    // Where positive and negative values cancel, NumPy's own mean is not exact either: 2⁻⁴⁶ of the largest value.
    const tolerance = 1e-6 * Math.abs(reference) + 2 ** -46 * (each.absmax ?? 0);
    const isClose = value === reference || Math.abs(value - reference) <= tolerance;
    comparison.check(isClose, `${name}: ${key} is ${value} instead of ${reference}`);
  }
}

const [folder] = process.argv.slice(2);
if (folder === undefined || !existsSync(join(folder, "EXPECTED"))) {
  console.error("usage: npm run test:corpus:numbers -- DIR, where DIR holds a folder EXPECTED");
  process.exitCode = 2;
} else {
  const paths = readdirSync(join(folder, "EXPECTED"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .sort();
  let missed = 0;
  for (const path of paths) {
    const text = readFileSync(join(folder, "EXPECTED", path), "utf8");
    const expected = parsePythonJson(text) as ExpectedFile;
    if (expected.err !== undefined || !["safetensors", "torch"].includes(expected.kind)) continue;
    const file = path.slice(0, -".json".length);
    const differences = await checkFile(join(folder, file), expected);
    if (differences.length === 0) continue;
    missed++;
    console.log(`MISSED ${file}`);
    for (const difference of differences.slice(0, 5)) console.log(`  ${difference.slice(0, 400)}`);
  }
  console.log(JSON.stringify(counts));
  console.log([...byDtype].map(([dtype, count]) => `${dtype} ${count}`).join(", "));
  console.log(`${missed} of ${counts.files} files missed`);
  process.exitCode = missed > 0 || counts.files === 0 ? 1 : 0;
}
