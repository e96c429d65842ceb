import type { FileEntry } from "../../bytes/files";

/** The files of all processes that hold one thing between them: the parameters, or an optimizer's state. */
export interface RankGroup {
  readonly role: "model" | "optimizer";
  /** What the names have in common, e.g. "pytorch_model_fsdp_0". */
  readonly stem: string;
  /** Of the model or optimizer among several. */
  readonly index: number;
  readonly files: readonly { readonly name: string; readonly rank: number }[];
  /** Where the names tell it. */
  readonly worldSize?: number;
  /** The name that the file of a rank has. */
  nameOf(rank: number): string;
}

interface Naming {
  readonly role: RankGroup["role"];
  readonly pattern: RegExp;
}

/**
 * accelerate with `LOCAL_STATE_DICT` (`pytorch_model_fsdp_rank0.bin`) and without DCP (`pytorch_model_fsdp_0_rank0.bin`),
 * and verl (`model_world_size_8_rank_0.pt`).
 */
const namings: readonly Naming[] = [
  {
    role: "model",
    pattern: /^(pytorch_model_fsdp(?:_(?<index>\d{1,4}))?)_rank(?<rank>\d{1,7})(\.bin|\.pt)$/,
  },
  { role: "optimizer", pattern: /^(optimizer(?:_(?<index>\d{1,4}))?)_rank(?<rank>\d{1,7})(\.bin|\.pt)$/ },
  { role: "model", pattern: /^(model)_world_size_(?<world>\d{1,7})_rank_(?<rank>\d{1,7})(\.pt)$/ },
  { role: "optimizer", pattern: /^(optim)_world_size_(?<world>\d{1,7})_rank_(?<rank>\d{1,7})(\.pt)$/ },
];

/** torch_checkpointing's own: any folder may hold such names, but not beside the file that says how ranks fit together. */
const besideMetadata: readonly Naming[] = [
  { role: "model", pattern: /^(model)_(?<rank>\d{1,7})(\.pt)$/ },
  { role: "optimizer", pattern: /^(optimizer)_(?<rank>\d{1,7})(\.pt)$/ },
];

/** What torchtitan's `torch_checkpointing` backend writes: `model_0.pt` and its like, with `metadata.pkl`. */
export function isTorchCheckpointing(entries: readonly FileEntry[]): boolean {
  return (
    entries.some(({ name, kind }) => kind === "file" && name === "metadata.pkl") &&
    entries.some(({ name }) => besideMetadata.some(({ pattern }) => pattern.test(name)))
  );
}

const rankInName = /(rank_?|^(?:model|optimizer)_)\d+(\.\w+)$/;

/** The rank whose part a file holds, by its name. */
export function rankOfFile(name: string): number | undefined {
  for (const { pattern } of namings) {
    const rank = pattern.exec(name)?.groups?.rank;
    if (rank !== undefined) return Number(rank);
  }
  return undefined;
}

/** Files of ranks in a folder, together by what they hold. */
export function rankGroups(entries: readonly FileEntry[]): readonly RankGroup[] {
  const groups = new Map<string, RankGroup & { files: { name: string; rank: number }[] }>();
  const known = isTorchCheckpointing(entries) ? [...namings, ...besideMetadata] : namings;
  for (const { name, kind } of entries) {
    if (kind !== "file") continue;
    for (const { role, pattern } of known) {
      const found = pattern.exec(name);
      if (found === null) continue;
      const { index, rank, world } = found.groups ?? {};
      const key = name.replace(rankInName, "$1$2");
      const group = groups.get(key) ?? {
        role,
        stem: found[1] ?? "",
        index: Number(index ?? 0),
        files: [],
        ...(world === undefined ? {} : { worldSize: Number(world) }),
        nameOf: (other: number) => name.replace(rankInName, `$1${other}$2`),
      };
      group.files.push({ name, rank: Number(rank) });
      groups.set(key, group);
    }
  }
  for (const { files } of groups.values()) files.sort((a, b) => a.rank - b.rank);
  return [...groups.values()];
}
