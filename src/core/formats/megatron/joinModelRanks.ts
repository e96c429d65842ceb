import type { Tensor } from "../../tensors/tensor";
import { type CannotJoin, joinSlices, type Slice } from "../joinSlices";
import type { MegatronSettings, ModelChunk, RankPlace } from "./rankModel";
import { isExpertName } from "./rankOptimizer";
import { splitRule } from "./splitRules";

/** A rank's folder with what its file holds. */
export interface LoadedPlace extends RankPlace {
  readonly fileIndex: number;
  readonly chunks: readonly ModelChunk[];
  /** Why there is nothing. A clause without a full stop. */
  readonly absent?: string;
}

/** State of the optimizer of one parameter. */
export interface JoinedMoment {
  readonly parameter: string;
  readonly key: string;
  readonly group: number;
  readonly tensor: Tensor;
}

export interface JoinedModelRanks {
  readonly tensors: readonly Tensor[];
  readonly moments: readonly JoinedMoment[];
  /** Parameters that are shown for each rank, and why they were not joined. */
  readonly apart: readonly { readonly name: string; readonly reason: string }[];
}

/** One parameter's slices by tensor-parallel rank, under its name in the whole model; or those of a moment of it. */
interface Gathered {
  readonly name: string;
  readonly moment: Pick<JoinedMoment, "key" | "group"> | undefined;
  readonly slices: Map<number, { readonly fileIndex: number; readonly tensor: Tensor }>;
  readonly pipeline: number;
  readonly expert: number;
}

/**
 * Joins the ranks of Megatron-LM's own checkpoints: layers of pipeline stages are numbered through, slices of
 * tensor-parallel ranks are put together by the known rules.
 */
export function joinModelRanks(places: readonly LoadedPlace[], settings: MegatronSettings): JoinedModelRanks {
  const numbering = new LayerNumbers(places, settings);
  const gathered = new Map<string, Gathered>();
  const taken = new Map<string, number>();
  for (const place of places) {
    for (const chunk of place.chunks) {
      for (const [own, tensor] of chunk.tensors) {
        const isExpert = isExpertName(own);
        // What is no expert is the same on all expert-parallel ranks.
        if (!isExpert && place.expert > 0) continue;
        const name = expertName(numbering.name(own, place.pipeline, chunk.turn), place, settings, isExpert);
        const stage = taken.get(name) ?? place.pipeline;
        taken.set(name, stage);
        // Tied embeddings stand in the first and in the last stage.
        const shown = stage === place.pipeline ? name : `pp_rank_${place.pipeline}.${name}`;
        const state = chunk.states?.get(own);
        const kinds = [...(state?.moments ?? [])].map(([key, moment]) => ({ key, tensor: moment }));
        for (const kind of [{ key: undefined, tensor }, ...kinds]) {
          const id = `${kind.key ?? ""} ${shown}`;
          const entry = gathered.get(id) ?? {
            name: shown,
            moment: kind.key === undefined ? undefined : { key: kind.key, group: state?.group ?? 0 },
            slices: new Map(),
            pipeline: place.pipeline,
            expert: place.expert,
          };
          entry.slices.set(place.tensor, { fileIndex: place.fileIndex, tensor: kind.tensor });
          gathered.set(id, entry);
        }
      }
    }
  }
  const tensors: Tensor[] = [];
  const moments: JoinedMoment[] = [];
  const apart: { name: string; reason: string }[] = [];
  for (const entry of gathered.values()) {
    const { moment } = entry;
    const { made, reason } = joinOne(entry, places, settings);
    if (moment === undefined) {
      tensors.push(...made);
      if (reason !== undefined) apart.push({ name: entry.name, reason });
      continue;
    }
    for (const tensor of made) {
      const name = `optimizer.state.${moment.key}.${tensor.name}`;
      moments.push({ ...moment, parameter: tensor.name, tensor: { ...tensor, name } });
    }
  }
  return { tensors, moments, apart };
}

/** The whole; or what each rank has, and why that is not put together. */
function joinOne(
  { name, slices, pipeline, expert }: Gathered,
  places: readonly LoadedPlace[],
  settings: MegatronSettings,
): { readonly made: readonly Tensor[]; readonly reason?: string } {
  const [first] = slices.values();
  if (first === undefined) return { made: [] };
  const rule = settings.tensorSize === 1 ? "whole" : splitRule(name, settings);
  if (rule === "whole") return { made: [{ ...first.tensor, name, fileIndex: first.fileIndex }] };
  const all = Array.from({ length: settings.tensorSize }, (_, rank): Slice => {
    const own = slices.get(rank);
    if (own !== undefined) return own;
    const place = places.find(
      (each) => each.tensor === rank && each.pipeline === pipeline && each.expert === expert,
    );
    return {
      fileIndex: place?.fileIndex ?? first.fileIndex,
      tensor: undefined,
      absent: place?.absent ?? `tensor-parallel rank ${rank} does not hold it`,
    };
  });
  const joined: Tensor | CannotJoin =
    rule === undefined ? { reason: "how it is cut is not known" } : joinSlices(name, all, rule);
  if (!("reason" in joined)) return { made: [joined] };
  const made = [...slices].map(([rank, { fileIndex, tensor }]) => ({
    ...tensor,
    fileIndex,
    name: `tp_rank_${rank}.${name}`,
  }));
  return { made, reason: joined.reason };
}

const localExpert = /((?:^|\.)experts\.local_experts\.)(\d{1,6})(?=\.)/;

/** Experts are numbered on each rank from 0; where the name tells none, the rank tells them apart. */
function expertName(
  name: string,
  { expert, chunks }: LoadedPlace,
  { expertSize }: MegatronSettings,
  isExpert: boolean,
): string {
  if (!isExpert || expertSize === 1) return name;
  if (!localExpert.test(name)) return `ep_rank_${expert}.${name}`;
  let count = 0;
  for (const { tensors } of chunks) {
    for (const own of tensors.keys()) count = Math.max(count, Number(localExpert.exec(own)?.[2] ?? -1) + 1);
  }
  return name.replace(
    localExpert,
    (_, before: string, number: string) => before + (Number(number) + expert * count),
  );
}

const layerNumber = /^(.*?(?:^|\.)layers\.)(\d{1,6})(?=\.)/;

/** The numbers of layers in the whole model: every pipeline stage counts its own from 0. */
class LayerNumbers {
  /** First number of a stack of layers by the stack's name, stage and turn. */
  private readonly firsts = new Map<string, number>();

  constructor(places: readonly LoadedPlace[], settings: MegatronSettings) {
    const counts = new Map<string, Map<string, number>>();
    const turns = Math.max(1, ...places.flatMap(({ chunks }) => chunks.map(({ turn }) => turn + 1)));
    for (const { pipeline, chunks } of places) {
      for (const { turn, tensors } of chunks) {
        for (const name of tensors.keys()) {
          const [, stack, number] = layerNumber.exec(name) ?? [];
          if (stack === undefined) continue;
          const own = counts.get(stack) ?? new Map<string, number>();
          const key = `${turn} ${pipeline}`;
          own.set(key, Math.max(own.get(key) ?? 0, Number(number) + 1));
          counts.set(stack, own);
        }
      }
    }
    const even =
      settings.layers === undefined ? 0 : Math.floor(settings.layers / (settings.pipelineSize * turns));
    for (const [stack, own] of counts) {
      let first = 0;
      for (let turn = 0; turn < turns; turn++) {
        for (let stage = 0; stage < settings.pipelineSize; stage++) {
          this.firsts.set(`${stack} ${turn} ${stage}`, first);
          const isThere = places.some(({ pipeline, absent }) => pipeline === stage && absent === undefined);
          // A stage whose file is missing takes as many as the others.
          first += own.get(`${turn} ${stage}`) ?? (isThere ? 0 : even);
        }
      }
    }
  }

  name(own: string, stage: number, turn: number): string {
    return own.replace(layerNumber, (_, stack: string, number: string) => {
      return stack + (Number(number) + (this.firsts.get(`${stack} ${turn} ${stage}`) ?? 0));
    });
  }
}
