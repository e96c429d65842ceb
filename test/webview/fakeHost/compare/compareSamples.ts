import type {
  CompareCell,
  CompareModuleRow,
  CompareTensorRow,
  CompareView,
  SnapshotColumn,
} from "../../../../src/core/compare/compareView";
import { hostileName, randomNumbers } from "../run/trainingSamples";

/** Comparisons made in code, so that a test can know every number. */

export interface Snapshot {
  readonly column: Omit<SnapshotColumn, "frobenius" | "relativeChange" | "cosine" | "moduleCount" | "rank">;
  /** Spectrum by module; the update itself is what the fake computes with. */
  readonly modules: ReadonlyMap<string, Float64Array>;
  readonly unavailable?: ReadonlyMap<string, string>;
}

const unread = { epoch: undefined, loss: undefined, evalLoss: undefined, failure: undefined };

function spectrum(rank: number, top: number, decay: number): Float64Array {
  return Float64Array.from({ length: rank }, (_, index) => top * Math.exp(-decay * index));
}

function layerNames(layers: number, parts: readonly string[]): string[] {
  return Array.from({ length: layers }, (_, layer) =>
    parts.map((part) => `model.layers.${layer}.${part}`),
  ).flat();
}

const attention = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];

function fromNames(
  names: readonly string[],
  rank: number,
  scale: number,
  seed: number,
): Map<string, Float64Array> {
  const random = randomNumbers(seed);
  return new Map(
    names.map((name) => [name, spectrum(rank, scale * (0.4 + random()), 0.05 + 0.25 * random())]),
  );
}

function truncated(modules: ReadonlyMap<string, Float64Array>, rank: number): Map<string, Float64Array> {
  return new Map([...modules].map(([name, sigma]) => [name, sigma.slice(0, rank)]));
}

function scaled(modules: ReadonlyMap<string, Float64Array>, seed: number): Map<string, Float64Array> {
  const random = randomNumbers(seed);
  return new Map(
    [...modules].map(([name, sigma]) => [
      name,
      sigma.map((value) => value * (0.8 + 0.9 * random())).sort((a, b) => b - a),
    ]),
  );
}

/** svd → rank-reduction → fine-tuning of one adapter over 24 modules. */
function stages(): Snapshot[] {
  const full = fromNames(layerNames(6, attention), 32, 1.2, 3);
  const reduced = truncated(full, 4);
  const tuned = scaled(reduced, 11);
  return [
    {
      modules: full,
      column: {
        ...unread,
        path: "/runs/pipeline/01-svd",
        label: "01-svd",
        stage: { stage: "svd", inferred: false, reason: "checkpoint-stage.json says so" },
        step: 0,
        evalLoss: 1.9142,
        alpha: "32",
        baseModel: "meta-llama/Llama-3.2-1B-Instruct",
        parameterCount: 2_097_152,
        fileBytes: 4_204_312,
      },
    },
    {
      modules: reduced,
      column: {
        ...unread,
        path: "/runs/pipeline/02-rank-reduction",
        label: "02-rank-reduction",
        stage: { stage: "rank-reduction", inferred: true, reason: "the folder is called 02-rank-reduction" },
        step: 0,
        evalLoss: 2.0311,
        alpha: "4",
        baseModel: "meta-llama/Llama-3.2-1B-Instruct",
        parameterCount: 262_144,
        fileBytes: 531_208,
      },
    },
    {
      modules: tuned,
      column: {
        ...unread,
        path: "/runs/pipeline/03-fine-tuning/checkpoint-240",
        label: "checkpoint-240",
        stage: { stage: "fine-tuning", inferred: false, reason: "set by you" },
        step: 240,
        epoch: 1.5,
        loss: 1.4218,
        evalLoss: 1.6534,
        alpha: "4",
        baseModel: "meta-llama/Llama-3.2-1B-Instruct",
        parameterCount: 262_144,
        fileBytes: 531_208,
      },
    },
  ];
}

function adapter(
  name: string,
  modules: Map<string, Float64Array>,
  more: Partial<Snapshot["column"]> = {},
): Snapshot {
  return {
    modules,
    column: {
      ...unread,
      path: `/runs/${name}`,
      label: name,
      stage: undefined,
      step: undefined,
      alpha: "16",
      baseModel: "base",
      parameterCount: 1_048_576,
      fileBytes: 2_100_000,
      ...more,
    },
  };
}

/** Eight checkpoints of 500 modules. */
function wide(): Snapshot[] {
  const start = fromNames(layerNames(125, attention), 8, 1, 5);
  return Array.from({ length: 8 }, (_, index) =>
    adapter(`checkpoint-${(index + 1) * 100}`, index === 0 ? start : scaled(start, 20 + index), {
      step: (index + 1) * 100,
      loss: 2.2 - index * 0.1,
      evalLoss: 2.3 - 0.09 * index + 0.02 * index ** 2,
      stage: {
        stage: "fine-tuning",
        inferred: true,
        reason: "it has a trainer_state.json with 8 steps logged",
      },
    }),
  );
}

function unlike(): Snapshot[] {
  const first = fromNames(layerNames(6, attention), 8, 1, 31);
  const second = scaled(first, 32);
  second.delete("model.layers.0.self_attn.q_proj");
  second.set("model.layers.0.mlp.gate_proj", spectrum(16, 2, 0.1));
  second.set("model.layers.1.self_attn.q_proj", spectrum(2, 1, 0.1));
  return [
    adapter("first", first),
    {
      ...adapter("second", second),
      unavailable: new Map([["model.layers.2.self_attn.q_proj", "lora_B holds 3 NaN"]]),
    },
  ];
}

function withFailure(): Snapshot[] {
  const [first, second, third] = stages() as [Snapshot, Snapshot, Snapshot];
  const failure = {
    severity: "error" as const,
    code: "FileTruncated",
    message:
      "adapter_model.safetensors ends at byte 204,800, but its header announces 531,208: the copy was cut off.",
    file: "/runs/pipeline/02-rank-reduction/adapter_model.safetensors",
  };
  return [first, { ...second, modules: new Map(), column: { ...second.column, failure } }, third];
}

export const compareSamples: Readonly<Record<string, () => Snapshot[]>> = {
  stages,
  wide,
  unlike,
  withFailure,
  /** 3 × 5,000 modules. */
  long: () => {
    const start = fromNames(layerNames(1250, attention), 4, 1, 41);
    return [adapter("a", start), adapter("b", scaled(start, 42)), adapter("c", scaled(start, 43))];
  },
  nothingCommon: () => [
    adapter("of-llama", fromNames(layerNames(3, attention), 8, 1, 51)),
    adapter("of-gpt2", fromNames(layerNames(3, ["attn.c_attn", "attn.c_proj"]), 8, 1, 52)),
  ],
  hostile: () => {
    const modules = fromNames(
      [hostileName, "__proto__", "a\u202egnp.x", `deep.${"module.".repeat(60)}end`],
      4,
      1,
      61,
    );
    return [
      adapter(hostileName, modules, {
        stage: { stage: hostileName, inferred: true, reason: hostileName },
        baseModel: hostileName,
      }),
      adapter("b", scaled(modules, 62)),
    ];
  },
  /** Of no adapters: tensors only, see compareView. */
  models: () => [
    adapter("base-model", new Map(), { alpha: undefined }),
    adapter("merged-model", new Map(), { alpha: undefined }),
  ],
  mixtures: () =>
    ["base-model", "merged-model"].map((name) => adapter(name, new Map(), { alpha: undefined })),
  threeModels: () =>
    ["base-model", "merged-model", "fine-tuned"].map((name) =>
      adapter(name, new Map(), { alpha: undefined }),
    ),
  manyTensors: () =>
    ["base-model", "merged-model"].map((name) => adapter(name, new Map(), { alpha: undefined })),
};

/** What the extension would compute of these snapshots, in this order. */
export function compareView(
  snapshots: readonly Snapshot[],
  tensors: readonly CompareTensorRow[],
): CompareView {
  const names = [...new Set(snapshots.flatMap(({ modules }) => [...modules.keys()]))];
  const modules = names.map(
    (module): CompareModuleRow => ({
      module,
      cells: snapshots.map((snapshot) => cellOf(snapshot, snapshots[0], module)),
    }),
  );
  return {
    columns: snapshots.map((snapshot) => columnOf(snapshot, snapshots[0])),
    modules,
    tensors,
    problems: [],
  };
}

function cellOf(snapshot: Snapshot, first: Snapshot | undefined, module: string): CompareCell | null {
  const sigma = snapshot.modules.get(module);
  if (sigma === undefined) return null;
  const unavailable = snapshot.unavailable?.get(module);
  const base = { rank: sigma.length, alpha: 16, scale: 1 };
  if (unavailable !== undefined) {
    const nothing = {
      frobenius: undefined,
      spectral: undefined,
      stableRank: undefined,
      effectiveRank: undefined,
    };
    return { ...base, ...nothing, relativeChange: undefined, cosine: undefined, unavailable };
  }
  const energy = sum(sigma, sigma);
  const total = sigma.reduce((all, value) => all + value, 0);
  const reference = first === snapshot ? undefined : first?.modules.get(module);
  return {
    ...base,
    frobenius: Math.sqrt(energy),
    spectral: sigma[0],
    stableRank: energy / (sigma[0] ?? 1) ** 2,
    effectiveRank: Math.exp(
      -sigma.reduce((all, value) => all + (value / total) * Math.log(value / total), 0),
    ),
    relativeChange:
      reference === undefined
        ? undefined
        : difference(sigma, reference) / Math.sqrt(sum(reference, reference)),
    cosine:
      reference === undefined
        ? undefined
        : sum(sigma, reference) / Math.sqrt(energy * sum(reference, reference)),
  };
}

/** As if both had the same singular vectors, which is all that a fake needs. */
function sum(a: Float64Array, b: Float64Array): number {
  return a.reduce((all, value, index) => all + value * (b[index] ?? 0), 0);
}

function difference(a: Float64Array, b: Float64Array): number {
  const length = Math.max(a.length, b.length);
  return Math.sqrt(
    Array.from({ length }, (_, index) => ((a[index] ?? 0) - (b[index] ?? 0)) ** 2).reduce((x, y) => x + y, 0),
  );
}

function columnOf(snapshot: Snapshot, first: Snapshot | undefined): SnapshotColumn {
  const all = (other: Snapshot) => Float64Array.from([...other.modules].flatMap(([, sigma]) => [...sigma]));
  const padded = (other: Snapshot) => {
    const names = [...(first?.modules.keys() ?? [])];
    return Float64Array.from(
      names.flatMap((name) => {
        const sigma = other.modules.get(name);
        return Array.from(
          { length: first?.modules.get(name)?.length ?? 0 },
          (_, index) => sigma?.[index] ?? 0,
        );
      }),
    );
  };
  const ranks = [...new Set([...snapshot.modules.values()].map((sigma) => sigma.length))].sort(
    (a, b) => a - b,
  );
  const known = snapshot.modules.size > 0;
  const own = padded(snapshot);
  const reference = first === undefined ? new Float64Array() : padded(first);
  const compared =
    known && first !== undefined && first !== snapshot && reference.length > 0 && first.modules.size > 0;
  return {
    ...snapshot.column,
    rank:
      ranks.length === 0
        ? undefined
        : ranks.length === 1
          ? String(ranks[0])
          : `${ranks[0]}–${ranks[ranks.length - 1]}`,
    moduleCount: snapshot.modules.size,
    frobenius: known ? Math.sqrt(sum(all(snapshot), all(snapshot))) : undefined,
    relativeChange: compared ? difference(own, reference) / Math.sqrt(sum(reference, reference)) : undefined,
    cosine: compared ? sum(own, reference) / Math.sqrt(sum(own, own) * sum(reference, reference)) : undefined,
  };
}

/** Two models of the same family, one of them merged and saved in another dtype. */
export function tensorSample(count = 300): CompareTensorRow[] {
  const rows: CompareTensorRow[] = Array.from({ length: count }, (_, index) => ({
    name: `model.layers.${Math.floor(index / 10)}.part_${index % 10}.weight`,
    cells: ["F32 [2048, 2048]", "F32 [2048, 2048]"],
    status: "same layout",
  }));
  rows.push(
    { name: "lm_head.weight", cells: [null, "BF16 [32000, 2048]"], status: "added" },
    { name: "model.embed_tokens.weight", cells: ["F32 [32000, 2048]", "F32 [32064, 2048]"], status: "shape" },
    { name: "model.norm.weight", cells: ["F32 [2048]", "BF16 [2048]"], status: "dtype" },
    { name: "model.rotary.inv_freq", cells: ["F32 [64]", null], status: "removed" },
  );
  return rows;
}
