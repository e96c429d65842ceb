import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { PlainFactors } from "../update/truncatedFactors";
import {
  type MeasuredSum,
  measureSum,
  type StackTask,
  type SumTask,
  stackFactors,
} from "./combine/measureSum";
import { type ExtractedModule, type ExtractionTask, extractModule } from "./extractModule";
import { type CalmedUpdate, calmModule, type IntrudersTask } from "./intruders/calmModule";
import { type VerifiedModule, type VerifyTask, verifyTensor } from "./model/verifyWeight";
import { type ReductionTask, reducedFactors } from "./reduceSource";

/** What the factors of one module of a new adapter are made of: data alone, which a thread can be given. */
export type FactorTask = ReductionTask | ExtractionTask | IntrudersTask | SumTask | StackTask | VerifyTask;

export interface MadeFactors {
  /** Undefined where the weights of an extraction are not finite, and where `refused` says why. */
  readonly factors: PlainFactors | undefined;
  readonly extracted?: ExtractedModule;
  readonly calmed?: CalmedUpdate;
  readonly refused?: string;
  readonly measured?: MeasuredSum;
  /** That belongs to the factors of a sum. */
  readonly scale?: number;
  /** Which part of a sum is not finite. */
  readonly refusedBy?: number;
  /** Of a weight that adapters change. */
  readonly verified?: VerifiedModule;
  /** Of one that they do not, or replace: whether it is what it should be. */
  readonly isSame?: boolean;
}

/** Makes factors in the order of their tasks. Here one after the other, when they are asked for; threads make some ahead. */
export type MakeFactors = (
  tasks: Iterable<FactorTask>,
  sources: readonly CheckpointSession[],
) => AsyncGenerator<MadeFactors, void, void>;

export interface FactorWork extends LongWork {
  /** Lets the thread answer others between two products. */
  readonly pause?: () => Promise<void>;
  readonly makeFactors?: MakeFactors;
}

/**
 * @param readers one for each source: the adapter, base and tuned model, or the adapter and its base.
 * @param pause may throw, to give it up; `check` too, where nothing can be waited for.
 */
export async function factorsOfTask(
  task: FactorTask,
  readers: readonly ReadTensorRange[],
  pause: () => Promise<void>,
  check?: () => void,
): Promise<MadeFactors> {
  const [first, second] = readers;
  if (first === undefined) throw new RangeError("There is nothing to read from.");
  await pause();
  if (task.kind === "extract")
    return (await extractModule(task, first, second ?? first, pause)) ?? { factors: undefined };
  // A thread reads all files in one way.
  if (task.kind === "sum") return measureSum(task, (adapter) => readers[adapter] ?? first);
  if (task.kind === "stack") return stackFactors(task, (adapter) => readers[adapter] ?? first);
  if (task.kind === "verify") return verifyTensor(task, readers, pause);
  if (task.kind === "intruders") return calmModule(task, first, second ?? first, { pause, check });
  return { factors: await reducedFactors(task, (tensor) => first(tensor, 0, tensor.byteSize)) };
}

/** What reads the sources of tasks, and waits or gives up before what takes long. */
export function factorSteps(sources: readonly CheckpointSession[], { pause, signal }: FactorWork) {
  const readers = sources.map((session) => session.tensorReader());
  return {
    ranges: readers.map((reader): ReadTensorRange => {
      return (tensor, offset, length) => reader.readRange(tensor, offset, length, signal);
    }),
    async pause() {
      await pause?.();
      signal?.throwIfAborted();
    },
    close: () => Promise.all(readers.map((reader) => reader.close())),
  };
}

function makeOneByOne(work: FactorWork): MakeFactors {
  return async function* (tasks, sources) {
    const { ranges, pause, close } = factorSteps(sources, work);
    try {
      for (const task of tasks) yield await factorsOfTask(task, ranges, pause);
    } finally {
      await close();
    }
  };
}

/** The factors of a new adapter, taken one after the other by who writes it. */
export class FactorQueue {
  private readonly made: AsyncGenerator<MadeFactors, void, void>;

  constructor(work: FactorWork, tasks: Iterable<FactorTask>, sources: readonly CheckpointSession[]) {
    this.made = (work.makeFactors ?? makeOneByOne(work))(tasks, sources);
  }

  async next(): Promise<MadeFactors> {
    const { value } = await this.made.next();
    return value ?? { factors: undefined };
  }

  /** Whether all were taken or not. */
  async end(): Promise<void> {
    await this.made.return();
  }
}
