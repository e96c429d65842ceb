import type { Alignment } from "../../core/compare/tensors/alignTensors";
import { diffPairs } from "../../core/compare/tensors/diffPairs";
import { DiffTable, diffNumbers } from "../../core/compare/tensors/diffTable";
import { SeenPairs } from "../../core/compare/tensors/seenPairs";
import { TiedTensors } from "../../core/compare/tensors/tiedTensors";
import { sameItems } from "../../core/lists/sameItems";
import { messageOf } from "../../core/problem/messageOf";
import { ProblemList } from "../../core/problem/problemList";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { Tensor } from "../../core/tensors/tensor";
import type { NumbersSource } from "../numbers/longPass";
import { type NumbersPool, withTensors } from "../numbers/numbersPool";
import { hasEqualBytes } from "./equalBytes";
import { FileWatch, fileChanged } from "./fileWatch";

export interface DiffRunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of all columns that were read, each once for every pair that it is in. */
  readonly report?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Rows are compared in batches of so many bytes a column: all pairs of a batch, then the next, so that the system
 * still has the first column's bytes in memory when they are compared with those of the third.
 */
const batchBytes = 1_000_000_000;
const batchRows = 8192;

/** Failures of single tensors that are told one by one. */
const maxListedFailures = 20;

/** The values of aligned tensors, compared pair by pair by a pool of threads. */
export class TensorDiffing {
  readonly table: DiffTable;
  readonly problems: ProblemList = new ProblemList(maxListedFailures);
  /** The sessions' files, with the slices that were aligned among their tensors. */
  private readonly sources: readonly (NumbersSource | undefined)[];
  private readonly indexes: readonly ReadonlyMap<Tensor, number>[];
  private readonly tied: readonly (TiedTensors | undefined)[];

  constructor(
    private readonly sessions: readonly (CheckpointSession | undefined)[],
    readonly alignment: Alignment,
  ) {
    this.table = new DiffTable(alignment.rows.length, diffPairs(sessions.length));
    this.sources = sessions.map((session, column) => {
      const aligned = alignment.rows.flatMap(({ tensors }) => tensors[column] ?? []);
      const plain = aligned.filter(({ packed }) => packed === undefined);
      return session === undefined ? undefined : withTensors(session, plain);
    });
    this.indexes = this.sources.map(
      (source) => new Map(source?.checkpoint.tensors.map((tensor, index) => [tensor, index])),
    );
    this.tied = sessions.map((session) => session && new TiedTensors(session.checkpoint.tensors));
  }

  /**
   * Compares what is not compared yet. The table grows meanwhile.
   * @throws CheckpointError when a file changes: what was found before is of another content then and must be dropped.
   * @throws the signal's reason when it is cancelled; what was found until then stands.
   */
  async run(pool: NumbersPool, { signal, report }: DiffRunOptions = {}): Promise<void> {
    const plan = this.plan();
    const totalBytes = plan.reduce((sum, { bytes }) => sum + bytes, 0);
    const watch = await FileWatch.over(this.sessions);
    let doneBytes = 0;
    report?.(0, totalBytes);
    for (const batch of plan) {
      signal?.throwIfAborted();
      await this.compareBatch(batch, pool, {
        signal,
        ...(report && { report: (bytes: number) => report(doneBytes + bytes, totalBytes) }),
      });
      doneBytes += batch.bytes;
      report?.(doneBytes, totalBytes);
      await watch.check();
    }
  }

  /** Rows that can be compared, for each pair of columns, in batches. */
  private plan(): readonly Batch[] {
    const { rows } = this.alignment;
    const batches: Batch[] = [];
    const seen = new SeenPairs();
    let byPair: PlannedRow[][] = this.table.pairs.map(() => []);
    let [bytes, count] = [0, 0];
    const close = () => {
      for (const [pair, planned] of byPair.entries()) {
        if (planned.length > 0) batches.push({ pair, rows: planned, bytes: sizeOf(planned) });
      }
      byPair = this.table.pairs.map(() => []);
      [bytes, count] = [0, 0];
    };
    for (const [row, { tensors }] of rows.entries()) {
      for (const [pair, { a, b }] of this.table.pairs.entries()) {
        const [left, right] = [tensors[a], tensors[b]];
        if (left === undefined || right === undefined || !sameItems(left.shape, right.shape)) continue;
        if (this.table.state(row, pair) !== "open") continue;
        const twin = seen.find(pair, this.memoryOf(a, left), this.memoryOf(b, right), row);
        byPair[pair]?.push({ row, a: left, b: right, twin });
        if (twin === undefined) bytes += Math.max(left.byteSize, right.byteSize);
      }
      if (bytes >= batchBytes || ++count >= batchRows) close();
    }
    close();
    return batches;
  }

  /** The first of the tensors that are the same view of the same memory. */
  private memoryOf(column: number, tensor: Tensor): Tensor {
    return this.tied[column]?.with(tensor)[0] ?? tensor;
  }

  private async compareBatch(
    { pair, rows }: Batch,
    pool: NumbersPool,
    { signal, report }: { signal: AbortSignal | undefined; report?: (bytes: number) => void },
  ): Promise<void> {
    const { a, b } = this.table.pairs[pair] as { a: number; b: number };
    const [left, right] = [this.sessions[a], this.sessions[b]];
    const [from, to] = [this.sources[a], this.sources[b]];
    if (left === undefined || right === undefined || from === undefined || to === undefined) return;
    const [fresh, unpacked]: [PlannedRow[], PlannedRow[]] = [[], []];
    for (const row of rows) if (row.twin === undefined) (isUnpacked(row) ? unpacked : fresh).push(row);
    const places = fresh.map((row) => ({
      a: this.indexes[a]?.get(row.a) as number,
      b: this.indexes[b]?.get(row.b) as number,
    }));
    const withoutNumbers: PlannedRow[] = [];
    const { unreadable, changedFiles } = await pool.compare(from, to, places, {
      signal,
      onPair: (at, difference) => {
        const planned = fresh[at] as PlannedRow;
        if (difference === undefined) withoutNumbers.push(planned);
        else this.table.set(planned.row, pair, "compared", diffNumbers(difference));
      },
      ...(report && { onBytes: report }),
    });
    this.refuseChanged(left, changedFiles.a);
    this.refuseChanged(right, changedFiles.b);
    for (const { pair: at, reason } of unreadable) this.fail(fresh[at] as PlannedRow, pair, reason);
    for (const planned of withoutNumbers) await this.compareBytes(planned, pair, [left, right], signal);
    for (const planned of unpacked) await this.compareUnpacked(planned, pair, [left, right], pool, signal);
    for (const { row, twin } of rows) {
      if (twin !== undefined)
        this.table.set(row, pair, this.table.state(twin, pair), this.table.numbers(twin, pair));
    }
  }

  /** Weights that are packed in one of the snapshots, as the values they stand for. */
  private async compareUnpacked(
    planned: PlannedRow,
    pair: number,
    [left, right]: readonly [CheckpointSession, CheckpointSession],
    pool: NumbersPool,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { row, a, b } = planned;
    try {
      const difference = await pool.diff(
        { source: left, tensor: a },
        { source: right, tensor: b },
        { signal },
      );
      if (difference === undefined) throw new RangeError(`${a.dtype} and ${b.dtype} have no common numbers.`);
      this.table.set(row, pair, "compared", diffNumbers(difference));
    } catch (error) {
      signal?.throwIfAborted();
      this.fail(planned, pair, messageOf(error));
    }
  }

  /** Of values that are no numbers, e.g. blocks of a quantisation, equal bytes still tell that nothing changed. */
  private async compareBytes(
    planned: PlannedRow,
    pair: number,
    sessions: readonly [CheckpointSession, CheckpointSession],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { row, a, b } = planned;
    if (a.dtype !== b.dtype || a.byteSize !== b.byteSize) {
      this.fail(planned, pair, `Values of ${a.dtype} and ${b.dtype} have no common numbers.`);
      return;
    }
    try {
      const isEqual = await hasEqualBytes(sessions, [a, b], signal);
      this.table.set(row, pair, isEqual ? "equal bytes" : "other bytes");
    } catch (error) {
      signal?.throwIfAborted();
      this.fail(planned, pair, messageOf(error));
    }
  }

  private fail({ row, a }: PlannedRow, pair: number, reason: string): void {
    this.table.set(row, pair, "failed");
    const name = this.alignment.rows[row]?.name ?? a.name;
    this.problems.add({
      severity: "warning",
      code: "NotCompared",
      message: `${name}: ${reason}`,
      tensor: name,
    });
  }

  private refuseChanged({ checkpoint }: CheckpointSession, files: readonly number[]): void {
    const [changed] = files;
    const path = changed === undefined ? undefined : checkpoint.files[changed]?.path;
    if (path !== undefined) throw fileChanged(path);
  }
}

interface PlannedRow {
  readonly row: number;
  readonly a: Tensor;
  readonly b: Tensor;
  /** A row that compares the same memory, as tied weights have. */
  readonly twin: number | undefined;
}

/** A side lies in no file, but is made of codes. */
function isUnpacked({ a, b }: PlannedRow): boolean {
  return a.packed !== undefined || b.packed !== undefined;
}

interface Batch {
  readonly pair: number;
  readonly rows: readonly PlannedRow[];
  readonly bytes: number;
}

function sizeOf(rows: readonly PlannedRow[]): number {
  return rows.reduce((sum, { a, b, twin }) => sum + (twin === undefined ? a.byteSize + b.byteSize : 0), 0);
}
