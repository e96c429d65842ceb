import type { Problem } from "../../problem/problem";
import { placeCount } from "../../tensors/assembly";
import { joinedTensor } from "../../tensors/joinedTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { dtypeOf, type JoinedParameter, type LoadedRank } from "./joinedParameter";
import { joinFlat } from "./joinFlat";
import { joinPartitioned } from "./joinPartitioned";
import type { ModelStates, ParameterShapes } from "./modelStates";
import { type Partition, partitionPiece } from "./partition";

/** A file of model states, opened or not. */
export interface LoadedModel {
  readonly rank: number;
  readonly fileIndex: number;
  readonly states: ModelStates | undefined;
  /** Why there are no states. A clause without a full stop. */
  readonly absent?: string;
}

/** The files that hold one part of the model: all of it, but for tensor and pipeline parallelism. */
export interface ZeroPart {
  readonly modelRank: number;
  /** One, or one a rank (ZeRO-3), in order; with those that are missing. */
  readonly model: readonly LoadedModel[];
  /** In order, with those that are missing. */
  readonly ranks: readonly LoadedRank[];
}

export interface ZeroModel {
  readonly modelRank: number;
  /** Parameters that the optimizer trains: their 32-bit weights and moments. */
  readonly parameters: readonly JoinedParameter[];
  /** Weights of which there is no 32-bit copy: frozen, buffers, or all of them where ZeRO is off. */
  readonly others: readonly Tensor[];
  /** The weights in the dtype of training, of what has 32-bit weights as well. */
  readonly copies: readonly Tensor[];
  readonly aliases: ReadonlyMap<string, string>;
}

/** Puts together what the files of one part of the model hold. */
export function zeroModel(part: ZeroPart, report: (problem: Problem) => void): ZeroModel {
  const first = part.model.find(({ states }) => states !== undefined);
  const states = first?.states;
  const isPartitioned = part.ranks.some(({ state }) => state?.stage === 3) || part.model.length > 1;
  const shapes = states?.shapes ?? [];
  const join = isPartitioned ? joinPartitioned : joinFlat;
  const parameters =
    part.ranks.length === 0 ? [] : join(part.ranks, groupsOf(shapes, part.ranks, report), report);
  const trained = new Set(parameters.flatMap(({ name, master }) => (master === undefined ? [] : [name])));
  const frozen = states === undefined ? [] : frozenTensors(part, states);
  const frozenNames = new Set(frozen.map(({ name }) => name));
  const others: Tensor[] = [...frozen];
  const copies: Tensor[] = [];
  const shared = states?.shared ?? new Map<string, string>();
  for (const [name, tensor] of states?.module ?? []) {
    // An empty stand-in of ZeRO-3, or what is shown as frozen already.
    if (isStandIn(name, tensor, shapes, states, isPartitioned) || frozenNames.has(name)) continue;
    const placed = { ...tensor, fileIndex: first?.fileIndex ?? 0 };
    if (trained.has(shared.get(name) ?? name)) copies.push({ ...placed, name: `module.${name}` });
    else others.push({ ...placed, name });
  }
  reportUnreadable(part, parameters, report);
  return {
    modelRank: part.modelRank,
    parameters,
    others,
    copies,
    aliases: new Map([...shared].filter(([, kept]) => trained.has(kept) || frozenNames.has(kept))),
  };
}

function isStandIn(
  name: string,
  tensor: Tensor,
  shapes: readonly ParameterShapes[],
  states: ModelStates | undefined,
  isPartitioned: boolean,
): boolean {
  if (!isPartitioned || elementCount(tensor.shape) > 0) return false;
  const kept = states?.shared.get(name) ?? name;
  return states?.buffers.has(name) !== true || shapes.some((group) => group.has(kept));
}

/** Very old versions list the parameters of all groups in one: the ranks' notes may tell which group each is in. */
function groupsOf(
  shapes: readonly ParameterShapes[],
  ranks: readonly LoadedRank[],
  report: (problem: Problem) => void,
): readonly ParameterShapes[] {
  const groups = ranks.find(({ state }) => state !== undefined)?.state?.groups.length ?? shapes.length;
  const isPartitioned = ranks.some(({ state }) => state?.stage === 3);
  if (isPartitioned || groups === shapes.length) return shapes;
  const all = new Map(shapes.flatMap((group) => [...group]));
  const told = Array.from({ length: groups }, (_, group) => {
    const names = ranks.flatMap(({ state }) => [...(state?.groups[group]?.fragments?.keys() ?? [])]);
    return new Map(
      [...new Set(names)].flatMap((name) =>
        [[name, all.get(name)] as const].flatMap(([key, shape]) =>
          shape === undefined ? [] : [[key, shape] as const],
        ),
      ),
    );
  });
  if (told.some((group) => group.size > 0)) return told;
  const message = `The model's states name ${plural(shapes.length, "group")} of parameters, the optimizer's have ${formatCount(groups)}: which values belong to which parameter is not told.`;
  report({ severity: "warning", code: "GroupMismatch", message });
  return shapes.length > 1 ? shapes.slice(0, groups) : [];
}

/** Frozen parameters lie beside the model's states: whole in ZeRO-2, a part in each rank's file in ZeRO-3. */
function frozenTensors({ model, ranks }: ZeroPart, { frozenShapes, frozenFragments }: ModelStates): Tensor[] {
  return [...frozenShapes].flatMap(([name, shape]) => {
    const total = elementCount(shape);
    const whole = frozenFragments.get(name);
    if (whole === undefined) return [];
    if (
      model.length === 1 &&
      elementCount(whole.shape) === total &&
      ranks.every(({ state }) => state?.stage !== 3)
    ) {
      const partition = { fileIndex: model[0]?.fileIndex ?? 0, tensor: whole };
      return [
        joinedTensor(
          name,
          whole.dtype,
          shape,
          total === 0 ? [] : [partitionPiece(partition, whole.dtype, 0, 0, total)],
        ),
      ];
    }
    const partitions = model.map(({ fileIndex, states, absent }): Partition => {
      const tensor = states?.frozenFragments.get(name);
      return tensor === undefined
        ? { fileIndex, tensor, absent: absent ?? "the rank's file does not hold its part" }
        : { fileIndex, tensor };
    });
    const dtype = dtypeOf(partitions) ?? whole.dtype;
    const size = Math.ceil(total / Math.max(1, partitions.length));
    const pieces = partitions.flatMap((partition, rank) => {
      const count = Math.min(size, total - rank * size);
      return count <= 0 ? [] : [partitionPiece(partition, dtype, 0, rank * size, count)];
    });
    return [joinedTensor(name, dtype, shape, pieces)];
  });
}

const maxNamed = 3;

/** One sentence for each rank whose part is missing: what of the parameters that costs. */
function reportUnreadable(
  { ranks }: ZeroPart,
  parameters: readonly JoinedParameter[],
  report: (problem: Problem) => void,
): void {
  const absent = new Map(
    ranks.flatMap(({ fileIndex, rank, absent: reason }) =>
      reason === undefined ? [] : [[fileIndex, { rank, reason }] as const],
    ),
  );
  if (absent.size === 0) return;
  const whole: string[] = [];
  const partly: string[] = [];
  const gone: string[] = [];
  for (const { name, shape, master } of parameters) {
    const missing = (master?.assembly?.pieces ?? [])
      .filter((piece) => piece.absent !== undefined)
      .reduce((sum, { place }) => sum + placeCount(place), 0);
    (missing === 0 ? whole : missing >= elementCount(shape) ? gone : partly).push(name);
  }
  const named = (names: readonly string[]) =>
    `${names.slice(0, maxNamed).map(quote).join(", ")}${names.length > maxNamed ? ` and ${formatCount(names.length - maxNamed)} more` : ""}`;
  const told = [
    `${formatCount(whole.length)} of ${plural(parameters.length, "parameter")} can be read whole`,
    ...(partly.length > 0 ? [`${formatCount(partly.length)} in part (${named(partly)})`] : []),
    ...(gone.length > 0 ? [`${formatCount(gone.length)} not at all (${named(gone)})`] : []),
  ];
  const list = [...absent.values()]
    .slice(0, 8)
    .map(({ rank }) => rank)
    .join(", ");
  const more = absent.size > 8 ? ` and ${formatCount(absent.size - 8)} more` : "";
  const cost =
    parameters.length === 0 ? "" : ` Of the 32-bit weights ${told.join(", ")}; the moments likewise.`;
  const message = `Optimizer states of rank ${list}${more} of ${formatCount(ranks.length)} are missing or cannot be read.${cost} DeepSpeed cannot resume from it.`;
  report({ severity: "error", code: "MissingRank", message });
}
