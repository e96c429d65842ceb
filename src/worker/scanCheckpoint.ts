import { countDeadRows, mayHaveDeadRows } from "../core/analysis/deadRows";
import { duplicateCandidates } from "../core/analysis/duplicateCandidates";
import { layerOutliers, type ScannedTensor } from "../core/analysis/layerOutliers";
import type { ScanFindings } from "../core/analysis/scanFindings";
import { packScanChunk, type ScanChunk, scanChunkRows } from "../core/analysis/scanTable";
import { deadRowsFinding, duplicateFinding, tensorFindings } from "../core/analysis/tensorFindings";
import type { TensorNumbers } from "../core/analysis/tensorNumbers";
import { ProblemList } from "../core/problem/problemList";
import type { TensorsRead } from "../core/report/valueFindings";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { exactHalf } from "../core/session/exactHalf";
import { filesOfTensor } from "../core/tensors/assembly";
import { unpackedTensor } from "../core/tensors/packed/unpackedTensor";
import type { Tensor } from "../core/tensors/tensor";
import { formatBytes, plural } from "../core/text/quantities";
import { valueDtype } from "../core/values/valueDtype";
import type { NumbersPool } from "./numbers/numbersPool";

export interface ScanListener {
  onChunk(chunk: ScanChunk): void;
  onBytes(done: number, total: number): void;
}

/** Problems of one kind that are listed; the others are counted. */
const listedProblems = 200;
const listedOutliers = 1000;
/** Read once more for dead rows: only tensors with many zeros are, and no more than this of them. */
const maxDeadRowBytes = 4e9;
const flushEveryMs = 200;

export interface CheckpointScan {
  readonly listener: ScanListener;
  /** Packed weights are measured as their codes, not as the values that these stand for. */
  readonly ofCodes: boolean;
  /** What an earlier scan found of the values, in place of reading them. */
  readonly known?: TensorsRead;
  readonly signal: AbortSignal;
}

/**
 * Measures every tensor and looks at what is conspicuous. Results go to the listener as they come.
 * @throws the signal's reason when it is cancelled.
 */
export async function scanCheckpoint(
  session: CheckpointSession,
  pool: NumbersPool,
  { listener, ofCodes, known, signal }: CheckpointScan,
): Promise<ScanFindings> {
  const { tensors, files } = session.checkpoint;
  const packed = await session.packedCodes();
  const measuredTensor = (row: number): Tensor => {
    const tensor = tensors[row] as Tensor;
    const weight = ofCodes ? undefined : packed.weights.get(tensor);
    return weight === undefined ? tensor : unpackedTensor(tensor, weight);
  };
  const scanned: ScannedTensor[] = [];
  const fresh = new FreshRows(listener);
  const onTensor = (row: number, numbers: Measured) => {
    fresh.add(row, numbers);
    if (numbers === undefined) return;
    const { shape, dtype } = measuredTensor(row);
    const { name } = tensors[row] as Tensor;
    scanned.push({ row, name, shape, dtype, statistics: numbers.statistics });
  };
  for (const [row, { stats }] of known?.tensors ?? []) onTensor(row, stats && { statistics: stats });
  const onBytes = (done: number, total: number) => {
    fresh.flush();
    listener.onBytes(done, total);
  };
  const outcome =
    known === undefined
      ? await pool.scan(session, undefined, { signal, ...(ofCodes ? {} : { packed }), onBytes, onTensor })
      : { ...known, measured: known.tensors.size, bytes: 0 };
  fresh.flush(true);
  const problems = new ProblemList(listedProblems);
  for (const { index, reason } of outcome.unreadable) {
    const message = `Its values could not be read: ${reason}`;
    problems.add({
      severity: "error",
      code: "UnreadableTensor",
      message,
      tensor: tensors[index]?.name ?? "",
    });
  }
  for (const index of outcome.changedFiles) {
    const message = "The file changed while it was scanned; its numbers mean nothing. Scan again.";
    problems.add({ severity: "error", code: "ChangedWhileScanned", message, file: files[index]?.path ?? "" });
  }
  const changed = new Set(outcome.changedFiles);
  const sound = scanned
    .filter(({ row }) => !filesOfTensor(tensors[row] as Tensor).some((file) => changed.has(file)))
    .sort((a, b) => a.row - b.row);
  for (const tensor of sound) for (const finding of tensorFindings(tensor)) problems.add(finding);
  await findDeadRows(session, sound, measuredTensor, problems, signal);
  const hashOf = (row: number) => known?.tensors.get(row)?.sha256;
  await findDuplicates(session, pool, sound, problems, { hashOf, signal });
  const statistics = new Map(sound.map((each) => [each.row, each.statistics]));
  for (const finding of await exactHalf(session, (row) => statistics.get(row), signal)) problems.add(finding);
  const outliers = layerOutliers(sound);
  return {
    problems: problems.toArray(),
    outliers: outliers.slice(0, listedOutliers),
    outlierCount: outliers.length,
    measured: outcome.measured,
    bytes: outcome.bytes,
    packed: packed.weights.size,
    ofCodes,
  };
}

/** What a scan tells of a tensor; undefined for dtypes that have no numbers. */
type Measured = Pick<TensorNumbers, "statistics"> | undefined;

/** Rows that were measured and not yet told. */
class FreshRows {
  private rows: { row: number; numbers: Measured }[] = [];
  private flushedMs = performance.now();

  constructor(private readonly listener: ScanListener) {}

  add(row: number, numbers: Measured): void {
    this.rows.push({ row, numbers });
    this.flush(this.rows.length >= scanChunkRows);
  }

  flush(now = false): void {
    if (this.rows.length === 0 || (!now && performance.now() - this.flushedMs < flushEveryMs)) return;
    this.listener.onChunk(packScanChunk(this.rows));
    this.rows = [];
    this.flushedMs = performance.now();
  }
}

async function findDeadRows(
  session: CheckpointSession,
  scanned: readonly ScannedTensor[],
  measuredTensor: (row: number) => Tensor,
  problems: ProblemList,
  signal: AbortSignal,
): Promise<void> {
  const reader = session.tensorReader();
  let left = maxDeadRowBytes;
  let passedOver = 0;
  try {
    for (const { row, name, statistics } of scanned) {
      const tensor = measuredTensor(row);
      if (!mayHaveDeadRows(tensor, statistics)) continue;
      if (tensor.byteSize > left) {
        passedOver++;
        continue;
      }
      left -= tensor.byteSize;
      const elementBytes = (valueDtype(tensor.dtype)?.bitsPerValue ?? 8) / 8;
      const read = (offset: number, length: number) => reader.readRange(tensor, offset, length, signal);
      const dead = await countDeadRows(tensor, elementBytes, read, signal);
      if (dead > 0) problems.add(deadRowsFinding({ name, shape: tensor.shape }, dead));
    }
  } finally {
    await reader.close();
  }
  if (passedOver > 0) {
    const message = `${plural(passedOver, "tensor")} with many zeros not searched for dead rows: more than ${formatBytes(maxDeadRowBytes)} would be read again.`;
    problems.add({ severity: "info", code: "DeadRowsNotSearched", message });
  }
}

/** Tensors that are alike in all statistics are hashed; views of one storage need not be. */
async function findDuplicates(
  session: CheckpointSession,
  pool: NumbersPool,
  scanned: readonly ScannedTensor[],
  problems: ProblemList,
  { hashOf, signal }: { hashOf: (row: number) => string | undefined; signal: AbortSignal },
): Promise<void> {
  const candidates = duplicateCandidates(scanned).flat();
  if (candidates.length === 0) return;
  const hashes = new Map<number, string>();
  const unhashed: number[] = [];
  for (const { row } of candidates) {
    const hash = hashOf(row);
    if (hash === undefined) unhashed.push(row);
    else hashes.set(row, hash);
  }
  await pool.scan(session, unhashed, {
    signal,
    withHashes: true,
    onTensor: (row, _numbers, sha256) => void (sha256 !== undefined && hashes.set(row, sha256)),
  });
  const byHash = new Map<string, string[]>();
  for (const { row, name } of candidates) {
    const hash = hashes.get(row);
    if (hash === undefined) continue;
    const key = `${hash}|${session.checkpoint.tensors[row]?.shape.join("x")}`;
    const names = byHash.get(key) ?? [];
    const [first] = names;
    if (first !== undefined) problems.addLazily("DuplicateTensor", () => duplicateFinding(name, names));
    names.push(name);
    byHash.set(key, names);
  }
}
