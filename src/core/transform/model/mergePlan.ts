import { modulePath } from "../../adapter/loraKey";
import type { LoraModule } from "../../adapter/loraModule";
import { isTokenRows, tokenRowsOf } from "../../adapter/trainableTokens";
import { BaseWeights, fits } from "../../base/baseWeights";
import { fitsExperts, fusedShape, rowsOfExpert, singleExperts } from "../../base/singleExperts";
import type { CheckpointSession } from "../../session/checkpointSession";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import { elementCount, storedType, type Tensor } from "../../tensors/tensor";
import { assumedScale } from "../assumedScale";
import { type ConvertPlan, planConversion } from "./convert";
import type { PlannedUpdate } from "./loadUpdate";
import { mergeableAdapter, notMergeable } from "./mergeRefusal";
import { headPath, refuseTiedEmbedding, tiedHead, trainsApart } from "./tiedEmbedding";

/** An adapter and how much of it is added. */
export interface WeightedAdapter {
  readonly session: CheckpointSession;
  readonly weight: number;
  /** It is merged together with what its factors were before training. */
  readonly isRelative?: true;
}

export interface MergePlanRequest {
  readonly base: CheckpointSession;
  readonly adapters: readonly WeightedAdapter[];
  /** Of the result; each weight keeps its own where not said. */
  readonly dtype?: WritableDtype;
  /** The weights are the scales of adapters that do not say theirs. */
  readonly isScaleKnown?: boolean;
  /** A model that is there is held against the plan: it tells the scale, and what it did to tied weights. */
  readonly check?: { readonly hasHead: boolean };
}

/** What a merge will do. */
export interface MergePlan {
  readonly conversion: ConvertPlan;
  /** By the base's tensor: the modules that change it. */
  readonly changes: ReadonlyMap<Tensor, readonly PlannedUpdate[]>;
  /** By the base's tensor: the one that an adapter saved whole in its place. */
  readonly replaced: ReadonlyMap<Tensor, { readonly session: CheckpointSession; readonly tensor: Tensor }>;
  readonly modules: number;
  /** The head was the embedding, of which the adapter changed one: the result has both, and its settings say so. */
  readonly isUntied: boolean;
}

/**
 * Which weights of the base change, and by what.
 * @throws CheckpointError `NotMergeable` where a part has no exact rule, a module has no weight in the base or one of
 * another shape, or the base is quantised.
 */
export async function planMerge({
  base,
  adapters,
  dtype,
  isScaleKnown = false,
  check,
}: MergePlanRequest): Promise<MergePlan> {
  const options = { only: "model", ...(dtype === undefined ? {} : { dtype }) } as const;
  const asSaved = await planConversion(base, options);
  const tied = tiedHead(base, asSaved);
  const apart =
    adapters.every(({ session }) => trainsApart(session)) && check?.hasHead !== false
      ? tied?.untied
      : undefined;
  const { conversion = asSaved, head } = apart ?? {};
  const nameIn = new Map(conversion.tensors.map(({ tensor, name }) => [tensor, name]));
  const weights = new BaseWeights([...nameIn.keys()], (tensor) => nameIn.get(tensor) ?? tensor.name);
  const findWeight = (path: string) => weights.find(path);
  const packed = new Set((await base.weights()).flatMap(({ packed: each }) => each?.stored ?? []));
  const changes = new Map<Tensor, PlannedUpdate[]>();
  const replaced = new Map<Tensor, { session: CheckpointSession; tensor: Tensor }>();
  const add = (to: Tensor, update: PlannedUpdate) => changes.set(to, [...(changes.get(to) ?? []), update]);
  let modules = 0;
  for (const { session, weight, isRelative } of adapters) {
    const adapter = mergeableAdapter(session, isRelative);
    const assumed = isScaleKnown || check !== undefined ? undefined : assumedScale(adapter);
    if (assumed !== undefined) throw notMergeable(session, `${assumed} Or say it with --scale.`);
    const alone = (name: string, why: string) => {
      if (adapters.length === 1 && weight === 1) return;
      throw notMergeable(session, `${name} ${why}: it is merged alone and with weight 1.`);
    };
    const placed: { module: LoraModule; weight: Tensor }[] = [];
    // What PEFT writes a second time for a head that is the embeddings: one weight takes it once.
    const isCopy = (path: string) =>
      tied !== undefined && headPath.test(path) && findWeight(path) === undefined && !trainsApart(session);
    for (const module of adapter.modules) {
      if (isCopy(module.module)) continue;
      const found = findWeight(module.module);
      const experts = found === undefined ? singleExperts(module, findWeight) : undefined;
      for (const expert of experts ?? []) {
        refusePacked(session, expert.weight, packed.has(expert.weight));
        refuseExperts(session, module, expert.weight.name, fusedShape(module, expert));
        add(expert.weight, { session, name: expert.path, module, weight, expert });
      }
      const fused = found === undefined ? rowsOfExpert(module, findWeight) : undefined;
      if (fused !== undefined) {
        refusePacked(session, fused.weight, packed.has(fused.weight));
        if (module.magnitude !== undefined || module.bias !== undefined)
          throw notMergeable(
            session,
            `${module.module} has more than factors, for which fused experts have no place.`,
          );
        add(fused.weight, { session, name: modulePath(fused.weight.name), module, weight, rows: fused.rows });
      }
      modules++;
      if (experts !== undefined || fused !== undefined) continue;
      if (found === undefined)
        throw notMergeable(session, `The base has no weight for ${module.module}. ${whyNone(base)}`);
      refuseWeight(session, module, found, packed.has(found));
      if (module.magnitude !== undefined) alone("DoRA", "normalises the whole weight");
      placed.push({ module, weight: found });
      add(found, { session, name: module.module, module, weight });
      if (module.bias !== undefined) {
        const bias = wholeTarget(session, weights, module.bias, `${module.module}.bias`);
        add(bias, { session, name: module.bias.name, module, whole: module.bias, weight });
      }
    }
    for (const whole of adapter.differences) {
      const [, path = "", kind] = /^(.*)\.diff(_b)?$/.exec(whole.name) ?? [];
      const isFlat = !path.includes(".");
      const target = kind === undefined ? path : path + (isFlat ? "_bias" : ".bias");
      add(wholeTarget(session, weights, whole, target), {
        session,
        name: whole.name,
        module: undefined,
        whole,
        weight,
      });
    }
    refuseAmbiguous(session, placed);
    for (const tensor of adapter.savedTensors) {
      if (isCopy(savedPath(tensor.name))) continue;
      const found = weights.find(savedPath(tensor.name));
      if (found === undefined || found.shape.join() !== tensor.shape.join())
        throw notMergeable(
          session,
          `${tensor.name} was saved whole, and the base has no weight of that name and shape to put it in place of. Save the base with it first, such as a head for another task, or with rows for added tokens.`,
        );
      alone(tensor.name, "was saved whole, in place of the base's");
      replaced.set(found, { session, tensor });
    }
    for (const tensor of adapter.otherTensors) {
      if (isCopy(tokensPath(tensor.name))) continue;
      alone(tensor.name, "holds rows in place of the base's");
      const [target, tokens] = tokenRows(session, weights, tensor);
      if (packed.has(target) || changes.has(target) || replaced.has(target))
        throw notMergeable(session, `${target.name} is quantised, or changed in another way too.`);
      add(target, { session, name: tensor.name, module: undefined, whole: tensor, weight, tokens });
    }
  }
  const changed = [...changes.keys(), ...replaced.keys()];
  const isUntied =
    head !== undefined && tied !== undefined && [head, tied.embedding].some((one) => changed.includes(one));
  if (!isUntied && tied !== undefined && check === undefined) refuseTiedEmbedding(tied, adapters, changed);
  return { conversion: isUntied ? conversion : asSaved, changes, replaced, modules, isUntied };
}

/** llama.cpp puts rows of attention in another order, so that no name alone would do. */
function whyNone({ checkpoint }: CheckpointSession): string {
  return checkpoint.format === "gguf"
    ? "Its tensors are named and laid as in GGUF: convert the base first: convert BASE --to safetensors --names transformers --dtype bf16 --out DIR."
    : "Is it the right base?";
}

function tokensPath(name: string): string {
  return modulePath(name).replace(/(?:\.token_adapter)?\.trainable_tokens_delta.*$/, "");
}

/** The embedding of which an adapter trained rows, and which rows they are. */
function tokenRows(
  session: CheckpointSession,
  weights: BaseWeights,
  tensor: Tensor,
): readonly [Tensor, readonly number[]] {
  const path = tokensPath(tensor.name);
  const found = weights.find(path);
  const tokens = session.adapterConfig && tokenRowsOf(session.adapterConfig, path);
  const [rows = 0, columns] = found?.shape ?? [];
  if (
    !isTokenRows(tensor) ||
    found === undefined ||
    !isWritableDtype(found.dtype) ||
    tokens?.length !== tensor.shape[0] ||
    columns !== tensor.shape[1] ||
    !tokens?.every((token) => Number.isInteger(token) && token >= 0 && token < rows)
  )
    throw notMergeable(
      session,
      `${tensor.name} holds rows of an embedding, and adapter_config.json does not say which of the base's they are. If tokens were added, resize the base first.`,
    );
  return [found, tokens];
}

/** The weight of the base that a difference or a bias is added to, value by value. */
function wholeTarget(session: CheckpointSession, weights: BaseWeights, whole: Tensor, path: string): Tensor {
  const found = weights.find(path);
  if (found === undefined || elementCount(found.shape) !== elementCount(whole.shape))
    throw notMergeable(
      session,
      `The base has nothing of the shape of ${whole.name} that it could be added to.`,
    );
  if (isWritableDtype(found.dtype) && found.packed === undefined) return found;
  throw notMergeable(session, `The base's ${found.name} is ${storedType(found)}, to which nothing is added.`);
}

/** PEFT's `modules_to_save` stands in the path of what it saved. */
function savedPath(name: string): string {
  return modulePath(name.replace(/\.modules_to_save\.(?:[^.]+\.)?/, ".")).replace(/\.weight$/, "");
}

function refuseWeight(
  session: CheckpointSession,
  module: LoraModule,
  weight: Tensor,
  isPacked: boolean,
): void {
  refusePacked(session, weight, isPacked);
  if (module.layout === "experts") refuseExperts(session, module, weight.name, weight.shape);
  else if (!fits(module, weight))
    throw notMergeable(
      session,
      `${module.module} changes ${module.outFeatures} × ${module.inFeatures}, the base's ${weight.name} is ${weight.shape.join(" × ")}.`,
    );
}

function refusePacked(session: CheckpointSession, weight: Tensor, isPacked: boolean): void {
  if (isPacked || !isWritableDtype(weight.dtype) || weight.packed !== undefined)
    throw notMergeable(
      session,
      `The base's ${weight.name} is ${isPacked ? "quantised" : storedType(weight)}: an update added to rounded codes would be lost. Convert the base first: convert BASE --to safetensors --dtype bf16 --out DIR.`,
    );
}

/**
 * @throws CheckpointError where the base does not keep the experts in one tensor, or that does not tell which of its axes
 * are outputs: PEFT adapts both orders.
 */
function refuseExperts(
  session: CheckpointSession,
  module: LoraModule,
  name: string,
  shape: readonly number[],
): void {
  const { inFeatures, outFeatures, experts } = module;
  const isFit = fitsExperts(module, shape);
  if (isFit && inFeatures !== outFeatures) return;
  throw notMergeable(
    session,
    isFit
      ? `The experts of ${name} are square, and nothing says which way they lie.`
      : `${module.module} changes ${experts?.count ?? "some"} experts of ${outFeatures} × ${inFeatures}, the base's ${name} is ${shape.join(" × ")}.`,
  );
}

/** @throws CheckpointError where a square weight does not tell its orientation and the others of the adapter are turned. */
function refuseAmbiguous(
  session: CheckpointSession,
  placed: readonly { readonly module: LoraModule; readonly weight: Tensor }[],
): void {
  if (session.adapterConfig?.fanInFanOut === true) return;
  const linear = placed.filter(({ module }) => module.layout !== "embedding" && module.layout !== "experts");
  const sides = linear.map(({ module, weight: { shape } }) => {
    const [rows = 1, ...rest] = shape;
    return { module, isSquare: rows === elementCount(rest), isTurned: rows !== module.outFeatures };
  });
  const square = sides.find(({ isSquare }) => isSquare);
  if (square === undefined || !sides.some(({ isTurned }) => isTurned)) return;
  throw notMergeable(
    session,
    `The base keeps weights turned (as GPT-2's Conv1D), and of the square one of ${square.module.module} nothing says which way it lies: adapter_config.json lacks fan_in_fan_out.`,
  );
}
