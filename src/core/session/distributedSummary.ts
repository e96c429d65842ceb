import type { Checkpoint } from "../checkpoint/checkpoint";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { rankMap } from "../checkpoint/rankMap";
import type { DistributedSummary, StateShare } from "../checkpoint/summary";
import type { LoadAdvice } from "../formats/folderFormat";
import { filesOfTensor, placeCount, unreadablePart } from "../tensors/assembly";
import { elementCount, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";

/** What is said of a folder that several processes saved; undefined for any other checkpoint. */
export function distributedSummary(
  { layout, tensors, files, format }: Checkpoint,
  inside: InsideFile | undefined,
  step: number | undefined,
): DistributedSummary | undefined {
  if (layout === undefined) return undefined;
  const { label, worldSize, parallel = {}, load } = layout;
  const ranks = rankMap(files, worldSize);
  const pieces = tensors.map(({ assembly }) => assembly?.pieces.length ?? 1);
  const unreadable = tensors.map(lostShare);
  const isWhole = unreadable.every((share) => share === 0);
  return {
    title: [
      label,
      ...(worldSize === undefined ? [] : [plural(worldSize, "rank")]),
      ...(step === undefined ? [] : [`step ${step}`]),
    ].join(", "),
    label,
    ...(worldSize === undefined ? {} : { worldSize }),
    parallel: Object.entries(parallel).map(([name, size]) => ({ name: axisNames.get(name) ?? name, size })),
    states: stateShares(tensors, format, inside),
    pieces: pieces.reduce((sum, count) => sum + count, 0),
    mostPieces: pieces.reduce((most, count) => Math.max(most, count), 0),
    mostFiles: tensors.reduce((most, tensor) => Math.max(most, filesOfTensor(tensor).length), 0),
    partlyReadable: unreadable.filter((share) => share > 0 && share < 1).length,
    unreadable: unreadable.filter((share) => share === 1).length,
    ...(ranks === undefined ? {} : { ranks }),
    ...(load === undefined ? {} : { load: isWhole || load.snippet === undefined ? load : refused }),
  };
}

/** Programs that load it want every byte. */
const refused: LoadAdvice = {
  sentence:
    "Other programs refuse it while parts of tensors are missing. What can be read here can be exported tensor by tensor.",
};

const axisNames: ReadonlyMap<string, string> = new Map([
  ["dp", "data parallel"],
  ["tp", "tensor parallel"],
  ["pp", "pipeline parallel"],
  ["ep", "expert parallel"],
  ["cp", "context parallel"],
  ["mp", "model parallel"],
]);

/** How much of a tensor cannot be read, 0 to 1. */
function lostShare(tensor: Tensor): number {
  const { assembly, shape } = tensor;
  if (assembly === undefined || unreadablePart(tensor) === undefined) return 0;
  if (assembly.fault !== undefined) return 1;
  const absent = assembly.pieces.filter((piece) => piece.absent !== undefined);
  const lost = absent.reduce((sum, { place }) => sum + placeCount(place), assembly.unclaimed);
  return lost >= elementCount(shape) ? 1 : lost / elementCount(shape);
}

const masterKeys = /\.(?:fp32_param|master_param|master_weights?)(?:\.|$)/;

/** How the bytes are shared between weights, their 32-bit masters and what the optimizer keeps of each. */
function stateShares(
  tensors: readonly Tensor[],
  format: Checkpoint["format"],
  inside: InsideFile | undefined,
): readonly StateShare[] {
  const trained = new Set(
    (inside?.optimizers ?? []).flatMap(({ parameters }) => parameters.flatMap(({ name }) => name ?? [])),
  );
  // DeepSpeed shows a parameter's 32-bit weights under its name, what the model computes with below `module`.
  const hasMasters = /^deepspeed-(?:zero|universal)/.test(format);
  const shares = new Map<string, { tensors: number; bytes: number }>();
  for (const { name, dtype, byteSize } of tensors) {
    const isMaster = hasMasters && dtype === "F32" && trained.has(name);
    const state = isMaster ? "32-bit master weights" : stateOf(name);
    const share = shares.get(state) ?? { tensors: 0, bytes: 0 };
    share.tensors++;
    share.bytes += byteSize;
    shares.set(state, share);
  }
  return [...shares]
    .map(([state, share]) => ({ state, ...share }))
    .sort((a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state));
}

const stateOrder = ["weights", "32-bit master weights", "moments", "other optimizer state", "other state"];

function stateOf(name: string): string {
  if (/^optim/.test(name)) {
    if (masterKeys.test(name)) return "32-bit master weights";
    return /exp_avg|moment|[._](?:mu|nu)(?:\.|$)/.test(name) ? "moments" : "other optimizer state";
  }
  return /^(?:(?:lr_)?scheduler|train_state|data_?loader|rng|random)/i.test(name) ? "other state" : "weights";
}
