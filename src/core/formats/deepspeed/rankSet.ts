import type { OpenedByName } from "../openFolderFiles";
import type { LoadedRank } from "./joinedParameter";
import { readModelStates } from "./modelStates";
import type { ZeroFile, ZeroFiles } from "./zeroFiles";
import type { LoadedModel, ZeroPart } from "./zeroModel";
import { readZeroRank, type ZeroRank } from "./zeroRank";

export interface RankSet {
  readonly parts: readonly ZeroPart[];
  /** What the files say is the number of processes that share one part of the model. */
  readonly worldSize: number;
  readonly stage: number | undefined;
  readonly version: string | undefined;
  /** Files of ranks that the partitions do not count: replicas (MiCS), or left from an earlier save. */
  readonly beyond: readonly ZeroFile[];
  /** So many ranks are missing that the number of them is taken for damage: nothing is joined. */
  readonly isTooFew: boolean;
}

/**
 * Sorts the opened files by the part of the model and the rank that they hold, and fills in those that are missing.
 * @param add adds a file that is missing to the checkpoint's list and gives its index
 */
export function rankSet(names: ZeroFiles, opened: OpenedByName, add: (name: string) => number): RankSet {
  const states = new Map<string, ZeroRank | undefined>();
  for (const { name } of names.optimizer) {
    const content = opened.get(name)?.file.parsed?.content;
    states.set(name, content === undefined ? undefined : readZeroRank(content));
  }
  const known = names.optimizer.flatMap(({ name }) => states.get(name) ?? []);
  const model = new Map(
    names.model.map(({ name }) => {
      const content = opened.get(name)?.file.parsed?.content;
      return [name, content === undefined ? undefined : readModelStates(content)] as const;
    }),
  );
  const worldSize = worldSizeOf(
    names,
    known,
    [...model.values()].map((each) => each?.worldSize),
  );
  const modelRanks = modelRanksOf(
    names,
    [...model.values()].map((each) => each?.modelWorldSize),
  );
  const isTooFew = worldSize - names.optimizer.length > maxMissing;
  const beyond: ZeroFile[] = [];
  const indexOf = (name: string) => opened.get(name)?.index ?? 0;
  const parts = modelRanks.map((modelRank): ZeroPart => {
    const own = names.optimizer.filter((file) => file.modelRank === modelRank);
    const byRank = new Map(own.map((file) => [file.rank, file]));
    const ranks: LoadedRank[] = [];
    if (names.optimizer.length > 0 && !isTooFew) {
      for (let rank = 0; rank < worldSize; rank++) {
        const file = byRank.get(rank) ?? replica(own, rank, worldSize, states);
        if (file === undefined) {
          const fileIndex = add(nameOfRank(names.optimizer, rank, modelRank));
          ranks.push({ rank, fileIndex, state: undefined, absent: `the file of rank ${rank} is missing` });
          continue;
        }
        const state = states.get(file.name);
        const reason = opened.get(file.name)?.file.failure ?? stateFault(state, worldSize);
        const fileIndex = indexOf(file.name);
        ranks.push(
          reason === undefined
            ? { rank, fileIndex, state }
            : { rank, fileIndex, state: undefined, absent: `the file of rank ${rank} ${reason}` },
        );
      }
      beyond.push(...own.filter(({ rank }) => rank >= worldSize));
    }
    const count = isTooFew ? 1 : worldSize;
    return { modelRank, ranks, model: modelFiles(names, modelRank, count, model, opened, add) };
  });
  return {
    parts,
    worldSize,
    stage: known.find(({ stage }) => stage !== undefined)?.stage ?? (names.partitioned ? 3 : undefined),
    version: known[0]?.version ?? [...model.values()].find((each) => each !== undefined)?.version,
    beyond,
    isTooFew,
  };
}

/** So many times the parts of the model that are there are never missing. */
const mostMissingParts = 8;

/** Those that are there, and those that the model's states count, or that ranks above them tell. */
function modelRanksOf(names: ZeroFiles, told: readonly (number | undefined)[]): readonly number[] {
  const there = new Set([...names.model, ...names.optimizer].map(({ modelRank }) => modelRank));
  const size = told.find((count) => count !== undefined) ?? Math.max(-1, ...there) + 1;
  for (let rank = 0; rank < size && size <= mostMissingParts * there.size; rank++) there.add(rank);
  return [...there].sort((a, b) => a - b);
}

/** With MiCS the ranks beyond the partitions repeat them; what an earlier save left is partitioned otherwise. */
function replica(
  files: readonly ZeroFile[],
  rank: number,
  worldSize: number,
  states: ReadonlyMap<string, ZeroRank | undefined>,
): ZeroFile | undefined {
  return files.find((each) => {
    const state = states.get(each.name);
    return each.rank % worldSize === rank && state?.stage === 3 && state.partitionCount === worldSize;
  });
}

/** Why a rank's state cannot be joined with the others'. A clause without a full stop. */
function stateFault(state: ZeroRank | undefined, worldSize: number): string | undefined {
  if (state === undefined) return "holds no state of ZeRO";
  const { partitionCount } = state;
  return partitionCount === undefined || partitionCount === worldSize
    ? undefined
    : `comes from a save of ${partitionCount} processes, the first rank's from one of ${worldSize}`;
}

function modelFiles(
  names: ZeroFiles,
  modelRank: number,
  worldSize: number,
  states: ReadonlyMap<string, ReturnType<typeof readModelStates>>,
  opened: OpenedByName,
  add: (name: string) => number,
): LoadedModel[] {
  const own = names.model.filter((file) => file.modelRank === modelRank);
  const count = names.partitioned ? worldSize : Math.min(1, own.length);
  const loaded: LoadedModel[] = [];
  for (let rank = 0; rank < count; rank++) {
    const file = own.find((each) => each.rank === rank);
    if (file === undefined) {
      const fileIndex = add(`zero_pp_rank_${rank}_mp_rank_${two(modelRank)}_model_states.pt`);
      loaded.push({
        rank,
        fileIndex,
        states: undefined,
        absent: `the model's states of rank ${rank} are missing`,
      });
      continue;
    }
    const given = states.get(file.name);
    const reason =
      opened.get(file.name)?.file.failure ?? (given === undefined ? "holds no model" : undefined);
    const fileIndex = opened.get(file.name)?.index ?? 0;
    loaded.push(
      reason === undefined
        ? { rank, fileIndex, states: given }
        : { rank, fileIndex, states: undefined, absent: `the file of rank ${rank} ${reason}` },
    );
  }
  return loaded;
}

/** As the other files are named. */
function nameOfRank(files: readonly ZeroFile[], rank: number, modelRank: number): string {
  const prefix = /^(bf16_|fp16_)?/.exec(files[0]?.name ?? "")?.[0] ?? "";
  return `${prefix}zero_pp_rank_${rank}_mp_rank_${two(modelRank)}_optim_states.pt`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** More files than this are never missing from an honest folder; each would be a piece of every tensor. */
const maxMissing = 4096;

/** More ranks than this are no training that anyone ran: the number is damage. */
const maxWorldSize = 100_000;

/** The largest number of partitions that the first rank names; else what the model's states say; else the files. */
function worldSizeOf(
  names: ZeroFiles,
  states: readonly ZeroRank[],
  stated: readonly (number | undefined)[],
): number {
  for (const { partitionCount: count } of states) {
    if (count !== undefined && count <= maxWorldSize) return count;
  }
  const told = stated.find((count) => count !== undefined && count > 0 && count <= maxWorldSize);
  if (told !== undefined) return told;
  return Math.max(0, ...[...names.optimizer, ...names.model].map(({ rank }) => rank + 1));
}
