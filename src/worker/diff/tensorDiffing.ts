import type { Alignment } from "../../core/compare/tensors/alignTensors";
import { diffPairs } from "../../core/compare/tensors/diffPairs";
import { DiffTable, diffNumbers } from "../../core/compare/tensors/diffTable";
import { SeenPairs } from "../../core/compare/tensors/seenPairs";
import { TiedTensors } from "../../core/compare/tensors/tiedTensors";
import { sameItems } from "../../core/lists/sameItems";
import { CheckpointError } from "../../core/problem/checkpointError";
import { messageOf } from "../../core/problem/messageOf";
import type { Problem } from "../../core/problem/problem";
import { ProblemList } from "../../core/problem/problemList";
import type { ComparedPair, DiffPart } from "../../core/report/scan/diffPart";
import { itemsOfPart, type ScanPart } from "../../core/report/scan/scanShare";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { bytesInFiles, liesElsewhere, type Tensor } from "../../core/tensors/tensor";
import type { NumbersSource } from "../numbers/longPass";
import { type NumbersPool, withTensors } from "../numbers/numbersPool";
import { hasEqualBytes } from "./equalBytes";
import { FileWatch, fileChanged } from "./fileWatch";

export interface DiffRunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Only this share of what can be compared. */
  readonly part?: ScanPart | undefined;
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
  /** Why a pair of tensors could not be compared, by its place in the table. */
  private readonly failures = new Map<number, string>();
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
      return session === undefined ? undefined : withTensors(session, aligned);
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
  async run(pool: NumbersPool, { signal, report, part }: DiffRunOptions = {}): Promise<void> {
    const plan = this.plan(part);
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

  /** Pairs of tensors that could not be compared, in the order of the rows. */
  get problems(): readonly Problem[] {
    const problems = new ProblemList(maxListedFailures);
    for (const cell of [...this.failures.keys()].sort((a, b) => a - b)) {
      const name = this.nameOf(Math.floor(cell / this.table.pairs.length));
      const message = `${name}: ${this.failures.get(cell)}`;
      problems.add({ severity: "warning", code: "NotCompared", message, tensor: name });
    }
    return problems.toArray();
  }

  /** What was found of a share, for a file. */
  found(part: ScanPart): Pick<DiffPart, "tensors" | "tensorCount"> {
    const all = this.comparable();
    const places = new Map(all.map((planned, index) => [planned, index]));
    const tensors = sharedBy(all, part).map((planned): ComparedPair => {
      const { row, pair } = planned;
      const reason = this.failures.get(this.cell(row, pair));
      return {
        index: places.get(planned) as number,
        name: this.nameOf(row),
        state: this.table.state(row, pair),
        numbers: this.table.numbers(row, pair),
        ...(reason === undefined ? {} : { reason }),
      };
    });
    return { tensors, tensorCount: all.length };
  }

  /**
   * Takes what was found of all shares, in place of comparing.
   * @throws CheckpointError where it speaks of other tensors.
   */
  take(compared: readonly ComparedPair[]): void {
    const all = this.comparable();
    const isSame =
      all.length === compared.length && all.every(({ row }, at) => this.nameOf(row) === compared[at]?.name);
    if (!isSame) throw new CheckpointError("PartsOfOtherScans", "The parts compare other tensors.");
    for (const [at, { state, numbers, reason }] of compared.entries()) {
      const { row, pair } = all[at] as PlannedRow;
      this.table.set(row, pair, state, numbers);
      if (reason !== undefined) this.failures.set(this.cell(row, pair), reason);
    }
  }

  /** Rows that can be compared, for each pair of columns, in the order of the rows. */
  private comparable(): readonly PlannedRow[] {
    const seen = new SeenPairs();
    return this.alignment.rows.flatMap(({ tensors }, row) =>
      [...this.table.pairs.entries()].flatMap(([pair, { a, b }]): readonly PlannedRow[] => {
        const [left, right] = [tensors[a], tensors[b]];
        if (left === undefined || right === undefined || !sameItems(left.shape, right.shape)) return [];
        const twin = seen.find(pair, this.memoryOf(a, left), this.memoryOf(b, right), row);
        return [{ row, pair, a: left, b: right, twin }];
      }),
    );
  }

  /** What is not compared yet, in batches. */
  private plan(part: ScanPart | undefined): readonly Batch[] {
    const all = this.comparable();
    const batches: Batch[] = [];
    let byPair: PlannedRow[][] = this.table.pairs.map(() => []);
    let [bytes, count, last] = [0, 0, -1];
    const close = () => {
      for (const [pair, planned] of byPair.entries()) {
        if (planned.length > 0) batches.push({ pair, rows: planned, bytes: sizeOf(planned) });
      }
      byPair = this.table.pairs.map(() => []);
      [bytes, count] = [0, 0];
    };
    for (const planned of part === undefined ? all : sharedBy(all, part)) {
      const { row, pair, a, b, twin } = planned;
      if (this.table.state(row, pair) !== "open") continue;
      if (row !== last && (bytes >= batchBytes || ++count > batchRows)) close();
      last = row;
      byPair[pair]?.push(planned);
      if (twin === undefined) bytes += Math.max(bytesInFiles(a), bytesInFiles(b));
    }
    close();
    return batches;
  }

  private cell(row: number, pair: number): number {
    return row * this.table.pairs.length + pair;
  }

  private nameOf(row: number): string {
    return this.alignment.rows[row]?.name ?? "";
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
    const fresh = rows.filter(({ twin }) => twin === undefined);
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
    for (const { pair: at, reason } of unreadable) this.fail(fresh[at] as PlannedRow, reason);
    for (const planned of withoutNumbers) await this.compareBytes(planned, [left, right], signal);
    for (const { row, twin } of rows) {
      if (twin !== undefined)
        this.table.set(row, pair, this.table.state(twin, pair), this.table.numbers(twin, pair));
    }
  }

  /** Of values that are no numbers, e.g. blocks of a quantisation, equal bytes still tell that nothing changed. */
  private async compareBytes(
    planned: PlannedRow,
    sessions: readonly [CheckpointSession, CheckpointSession],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { row, pair, a, b } = planned;
    if (a.dtype !== b.dtype || a.byteSize !== b.byteSize) {
      this.fail(planned, `Values of ${a.dtype} and ${b.dtype} have no common numbers.`);
      return;
    }
    if (liesElsewhere(a)) {
      this.fail(
        planned,
        `Values of ${a.dtype} are not read here, so that nothing tells whether they are the same.`,
      );
      return;
    }
    try {
      const isEqual = await hasEqualBytes(sessions, [a, b], signal);
      this.table.set(row, pair, isEqual ? "equal bytes" : "other bytes");
    } catch (error) {
      signal?.throwIfAborted();
      this.fail(planned, messageOf(error));
    }
  }

  private fail({ row, pair }: PlannedRow, reason: string): void {
    this.table.set(row, pair, "failed");
    this.failures.set(this.cell(row, pair), reason);
  }

  private refuseChanged({ checkpoint }: CheckpointSession, files: readonly number[]): void {
    const [changed] = files;
    const path = changed === undefined ? undefined : checkpoint.files[changed]?.path;
    if (path !== undefined) throw fileChanged(path);
  }
}

interface PlannedRow {
  readonly row: number;
  readonly pair: number;
  readonly a: Tensor;
  readonly b: Tensor;
  /** A row that compares the same memory, as tied weights have. */
  readonly twin: number | undefined;
}

interface Batch {
  readonly pair: number;
  readonly rows: readonly PlannedRow[];
  readonly bytes: number;
}

/** Rows that compare the same memory are in one share. */
function sharedBy(all: readonly PlannedRow[], part: ScanPart): readonly PlannedRow[] {
  const bytesOf = ({ a, b }: PlannedRow) => bytesInFiles(a) + bytesInFiles(b);
  const first = all.filter(({ twin }) => twin === undefined);
  const own = new Set(itemsOfPart(first, bytesOf, part));
  const places = new Set([...own].map(({ row, pair }) => `${row} ${pair}`));
  return all.filter((each) =>
    each.twin === undefined ? own.has(each) : places.has(`${each.twin} ${each.pair}`),
  );
}

function sizeOf(rows: readonly PlannedRow[]): number {
  return rows.reduce(
    (sum, { a, b, twin }) => sum + (twin === undefined ? bytesInFiles(a) + bytesInFiles(b) : 0),
    0,
  );
}
