import { elementCount, type Tensor } from "../../tensors/tensor";
import { type ContentValue, ListValue, MapValue } from "../contentValue";
import { mappingOf, numberOf, sequenceOf } from "../contentView";
import type { FileContent } from "../format";
import { standIn } from "../joinedValue";
import type { JoinedMoment } from "./joinModelRanks";
import type { ModelChunk } from "./rankModel";

/** What the optimizer of a rank keeps of one parameter: moments and `fp32_param`, each in the parameter's shape. */
export interface ParameterState {
  readonly moments: ReadonlyMap<string, Tensor>;
  /** Index into the optimizer's groups. */
  readonly group: number;
}

/** The optimizer of a rank, by its parameters. */
export interface RankOptimizer {
  /** By the place of the chunk, then by the parameter's name in it. */
  readonly chunks: readonly ReadonlyMap<string, ParameterState>[];
  readonly groups: readonly MapValue[];
  /** Values that all parameters share, such as `step`. */
  readonly scalars: ReadonlyMap<string, ContentValue>;
}

/** A parameter of a rank's model, in the order of `named_parameters`. */
export interface RankParameter {
  readonly chunk: number;
  readonly name: string;
  readonly tensor: Tensor;
}

/** Tensors of a state dict that no optimizer trains. */
const buffers = /(?:inv_freq|expert_bias|local_tokens_per_expert|cos_cached|sin_cached|\.masked_bias)$/;

export function parametersOf(chunks: readonly ModelChunk[]): readonly RankParameter[] {
  return chunks.flatMap(({ tensors }, chunk) =>
    [...tensors].flatMap(([name, tensor]) =>
      buffers.test(name) || !/^(?:B?F16|F32)$/.test(tensor.dtype) ? [] : [{ chunk, name, tensor }],
    ),
  );
}

export function isExpertName(name: string): boolean {
  return /(?:^|\.)experts\./.test(name);
}

/**
 * Names the state of Megatron's own optimizers (megatron/core/optimizer): each group has its parameters in the order of
 * the model. A clause that says why not where counts or shapes of a group do not fit.
 */
export function rankOptimizer(content: FileContent, chunks: readonly ModelChunk[]): RankOptimizer | string {
  const groups = savedGroups(content);
  if (groups.length === 0) return "it has no groups of parameters";
  const settings = groups.map((group) => group.settings);
  if (groups.every(({ numbers }) => numbers.length === 0))
    return "its state is in distrib_optim.pt, which is not here";
  const members = groupMembers(settings, parametersOf(chunks));
  if (members === undefined) return "which of two groups a parameter is in is not told";
  const named = chunks.map(() => new Map<string, ParameterState>());
  const scalars = new Map<string, ContentValue>();
  for (const [group, { numbers, masters, state }] of groups.entries()) {
    const own = members[group] ?? [];
    if (own.length !== numbers.length) return "the counts of its groups are not those of the model";
    const masterOf = mastersOf(own, masters, content);
    if (masterOf === undefined) return "its 32-bit weights do not fit those of the model";
    for (const [at, { chunk, name, tensor }] of own.entries()) {
      const moments = new Map<string, Tensor>();
      for (const [key, value] of mappingOf(state?.get(numbers[at] as ContentValue))?.entries() ?? []) {
        const moment = content.tensors.get(value);
        if (typeof key !== "string") continue;
        if (moment !== undefined && key !== "step" && moment.shape.length > 0) {
          if (moment.shape.join() !== tensor.shape.join()) return "its shapes are not those of the model";
          moments.set(key, moment);
        } else if (!scalars.has(key)) scalars.set(key, value);
      }
      const master = masterOf.get(name + chunk);
      if (master !== undefined) moments.set("fp32_param", master);
      named[chunk]?.set(name, { moments, group });
    }
  }
  return { chunks: named, groups: settings, scalars };
}

/** Which parameters each group is of, by what its settings say. Undefined where two groups say the same. */
export function groupMembers(
  groups: readonly MapValue[],
  parameters: readonly RankParameter[],
): readonly (readonly RankParameter[])[] | undefined {
  const marked = groups.map(marksOf);
  if (new Set(marked.map((marks) => marks.join())).size < marked.length) return undefined;
  return marked.map((marks) => {
    // What is alike for all groups tells none of them.
    const telling = marks.flatMap((mark, at) => (marked.some((other) => other[at] !== mark) ? [at] : []));
    return parameters.filter((parameter) => {
      const is = parameterMarks(parameter);
      return telling.every((at) => is[at] === marks[at]);
    });
  });
}

interface SavedGroup {
  readonly settings: MapValue;
  /** Keys into the state. */
  readonly numbers: readonly ContentValue[];
  readonly masters: readonly ContentValue[];
  readonly state: MapValue | undefined;
}

/** The groups of all optimizers: with experts of several ranks there are two, chained. */
export function savedGroups({ root }: FileContent): readonly SavedGroup[] {
  const saved = mappingOf(root)?.get("optimizer");
  return (sequenceOf(saved) ?? [saved]).flatMap((each) => groupsOf(mappingOf(each) ?? new MapValue()));
}

/** `Float16OptimizerWithFloat16Params` keeps torch's own state dict below `optimizer`, `FP32Optimizer` is one. */
function groupsOf(saved: MapValue): readonly SavedGroup[] {
  const inner = mappingOf(saved.get("optimizer")) ?? saved;
  const masters = sequenceOf(saved.get("fp32_from_fp16_params") ?? saved.get("fp32_from_fp16"));
  return (sequenceOf(inner.get("param_groups")) ?? []).flatMap((group, at) => {
    const settings = mappingOf(group);
    if (settings === undefined) return [];
    return [
      {
        settings,
        numbers: sequenceOf(settings.get("params")) ?? [],
        masters: sequenceOf(masters?.[at]) ?? [],
        state: mappingOf(inner.get("state")),
      },
    ];
  });
}

/** Whether a group is without weight decay, of experts, of embeddings with a learning rate of their own. */
function marksOf(settings: MapValue): readonly boolean[] {
  const decay = numberOf(settings.get("wd_mult")) ?? numberOf(settings.get("weight_decay"));
  return [decay === 0, settings.get("is_expert_parallel") === true, settings.get("is_decoupled_lr") === true];
}

function parameterMarks({ name, tensor }: RankParameter): readonly boolean[] {
  return [
    tensor.shape.length === 1 || name.endsWith(".bias"),
    isExpertName(name),
    /(?:^|\.)(?:word_embeddings\w*|output_layer)\.weight$/.test(name),
  ];
}

/** 32-bit weights are kept of what is in 16 bits alone. Undefined where they do not fit; none where none are kept. */
function mastersOf(
  own: readonly RankParameter[],
  masters: readonly ContentValue[],
  content: FileContent,
): ReadonlyMap<string, Tensor> | undefined {
  const found = new Map<string, Tensor>();
  if (masters.length === 0) return found;
  const halves = own.filter(({ tensor }) => tensor.dtype !== "F32");
  const copied = masters.length === own.length ? own : halves;
  if (copied.length !== masters.length) return undefined;
  for (const [at, { chunk, name, tensor }] of copied.entries()) {
    const master = content.tensors.get(masters[at] as ContentValue);
    if (master === undefined || master.shape.join() !== tensor.shape.join()) return undefined;
    if (elementCount(master.shape) > 0) found.set(name + chunk, master);
  }
  return found;
}

/** The joined state as torch lays out an optimizer's, by the names of the parameters in the whole model. */
export function joinedOptimizer(
  { groups, scalars }: RankOptimizer,
  moments: readonly JoinedMoment[],
  tensors: Map<ContentValue, Tensor>,
): MapValue {
  const state = new MapValue();
  const names = groups.map((): string[] => []);
  for (const { parameter, key, group, tensor } of moments) {
    const known = state.get(parameter);
    const held = known instanceof MapValue ? known : new MapValue();
    if (known === undefined) {
      state.set(parameter, held);
      for (const [shared, value] of scalars) held.set(shared, value);
      names[group]?.push(parameter);
    }
    held.set(key, standIn(tensor, tensors));
  }
  const optimizer = new MapValue();
  optimizer.set("state", state);
  const settings = groups.map((group, at) => {
    const own = new MapValue();
    for (const [key, value] of group.entries()) if (key !== "params") own.set(key, value);
    own.set("params", new ListValue(names[at] ?? []));
    return own;
  });
  optimizer.set("param_groups", new ListValue(settings));
  return optimizer;
}
