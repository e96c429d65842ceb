import type { CheckpointFile } from "../formats/checkpointFile";

/** What one rank has of one kind of file. */
export interface RankCell {
  /** The worst of its files: what is missing, cut or left over shows. */
  readonly status: CheckpointFile["status"];
  /** Of the file with that status. */
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

/** Ranks by kinds of files: what is there of each, and what is not. */
export interface RankMap {
  /** What the files of each column are: "optimizer states", or the pattern of their names. */
  readonly kinds: readonly string[];
  /** In numeric order, the files that serve all ranks first. A rank has no cell of a kind it saved nothing of. */
  readonly rows: readonly { readonly rank: string; readonly cells: readonly (RankCell | undefined)[] }[];
}

/** Ranks that are told one by one; training on more is rare, and a map of them is no map. */
const maxRows = 4096;

const knownKinds: readonly (readonly [name: RegExp, kind: string])[] = [
  [/^expp_rank_|(?:^|\/)expp_rank_/, "optimizer states of experts"],
  [/optim_states\.pt$|(?:^|\/)optim[^/]*(?:\/|$)|distrib_optim\.pt$/, "optimizer states"],
  [/expert_\d+_mp_rank_/, "experts"],
  [/(?:^|\/)layer_\d+-model_/, "layers of the pipeline"],
  [/extra_state_/, "random states and schedules"],
  [/model_optim_rng\.pt$/, "model, optimizer and random states"],
  [/model_states\.pt$|pytorch_model_fsdp|(?:^|\/)model_world_size_/, "model states"],
];

const worstFirst: readonly CheckpointFile["status"][] = ["missing", "broken", "extra", "ok"];

/** Undefined where the files do not tell of whom they are, as those of a model that was cut for its size. */
export function rankMap(files: readonly CheckpointFile[], worldSize = 0): RankMap | undefined {
  if (!files.some(({ rank }) => rank !== undefined)) return undefined;
  const kinds: string[] = [];
  const rows = new Map<string, (RankCell | undefined)[]>();
  for (const file of files) {
    const kind = kindOf(file.name);
    if (!kinds.includes(kind)) {
      if (kinds.length >= maxKinds) continue;
      kinds.push(kind);
    }
    const rank = file.rank ?? allRanks;
    const row = rows.get(rank) ?? [];
    const at = kinds.indexOf(kind);
    row[at] = withFile(row[at], file);
    rows.set(rank, row);
  }
  // A rank whose shards are all empty has no file of its own.
  const isPlain = [...rows.keys()].every((rank) => rank === allRanks || /^rank \d+$/.test(rank));
  for (let rank = 0; isPlain && rank < Math.min(worldSize, maxRows); rank++) {
    if (!rows.has(`rank ${rank}`)) rows.set(`rank ${rank}`, []);
  }
  const sorted = [...rows].sort(([a], [b]) => compareRanks(a, b)).slice(0, maxRows);
  return {
    kinds,
    rows: sorted.map(([rank, row]) => ({ rank, cells: kinds.map((_, at) => row[at]) })),
  };
}

const allRanks = "all ranks";

/** The rows of a kind of file: what all ranks share, no single one lacks. */
export function ranksOf({ rows }: RankMap, kind: number): RankMap["rows"] {
  const shared = rows.filter(({ rank, cells }) => rank === allRanks && cells[kind] !== undefined);
  const own = rows.filter(({ rank }) => rank !== allRanks);
  return own.some(({ cells }) => cells[kind] !== undefined) ? [...shared, ...own] : shared;
}

/** Files of an honest checkpoint are of a handful of kinds. */
const maxKinds = 12;

function compareRanks(a: string, b: string): number {
  if ((a === allRanks) !== (b === allRanks)) return a === allRanks ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function withFile(cell: RankCell | undefined, { name, bytes, status }: CheckpointFile): RankCell {
  if (cell === undefined) return { status, name, files: 1, bytes };
  const isWorse = worstFirst.indexOf(status) < worstFirst.indexOf(cell.status);
  return {
    status: isWorse ? status : cell.status,
    name: isWorse ? name : cell.name,
    files: cell.files + 1,
    bytes: cell.bytes + bytes,
  };
}

function kindOf(name: string): string {
  const known = knownKinds.find(([pattern]) => pattern.test(name));
  return known?.[1] ?? name.replace(/\d+/g, "*").slice(0, 80);
}
