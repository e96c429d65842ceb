import { hasSmallFactors } from "../adapter/factorLayout";
import { hasMagnitudeOfInputs, type LoraModule } from "../adapter/loraModule";
import { measureTensor } from "../analysis/measureTensor";
import { PlainKernels } from "../analysis/plainKernels";
import { jsonString } from "../json/parseJson";
import type { CheckpointSession } from "../session/checkpointSession";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readAllValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";
import { loadFactors, type ReadTensor, UpdateUnavailableError } from "../update/factors";
import { measureModule } from "../update/measureModule";
import type { BaseTransform } from "./baseTransforms";
import { fits } from "./baseWeights";
import { addUpdates } from "./mergedUpdate";
import { type ChangeNorms, maxTurnedValues, noChange, normsOfChange, sidesOf } from "./rowChange";
import { fitsExperts } from "./singleExperts";
import type { StoredValues } from "./transformInput";

/** A string is why not, as the end of "its method …"; it is empty where the weight has another shape. */
type Measured = ChangeNorms | string | undefined;

/** Finds how far one module of an adapter moves its weight. */
export class BaseMeasurer {
  private readonly kernels = new PlainKernels();

  constructor(
    private readonly session: CheckpointSession,
    private readonly readFactor: ReadTensorRange,
    private readonly readBase: ReadTensorRange,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Of a method that needs the weight. */
  async transform({ change, tensors }: BaseTransform, weight: Tensor): Promise<Measured> {
    const settings = this.session.folder.adapterConfig?.value ?? new Map();
    const place = { weight, isTurned: settings.get("fan_in_fan_out") === true };
    if (place.isTurned && elementCount(weight.shape) > maxTurnedValues) return tooLargeToTurn;
    const [rows, columns] = sidesOf(place);
    const stored = new Map<string, StoredValues>();
    for (const [end, tensor] of tensors) {
      if (elementCount(tensor.shape) > maxTurnedValues) return "keeps more values than are loaded at once";
      const values = await readAllValues(tensor, this.readFactor, this.signal);
      stored.set(end, { shape: tensor.shape, values });
    }
    const version = jsonString(settings.get("peft_version"));
    const isConvolution = weight.shape.length > 2;
    const made = change({ part: (end) => stored.get(end), settings, version, rows, columns, isConvolution });
    if (typeof made === "string") return made;
    if ("apply" in made) return normsOfChange(place, made, this.readBase, this.signal);
    const { baseNorm } = await normsOfChange(place, noChange, this.readBase, this.signal);
    return { norm: made.norm, baseNorm };
  }

  /** Of LoRA and its relatives; undefined where the update cannot be measured, which is told of the adapter itself. */
  async update(module: LoraModule, places: readonly Tensor[]): Promise<Measured> {
    const [weight] = places as [Tensor];
    const isOfExperts = module.layout === "experts";
    if (isOfExperts ? places.length === 1 && !fitsExperts(module, weight.shape) : !fits(module, weight))
      return "";
    if (module.magnitude !== undefined)
      return isOfExperts
        ? "rescales the experts of a layer, which is not computed here"
        : this.normalised(module, module.magnitude, weight);
    const { metrics, experts } = (await measureModule(module, this.readAll, this.signal)).measurement;
    const updates = isOfExperts ? experts : metrics && [metrics];
    if (updates === undefined) return undefined;
    const baseNorms: number[] = [];
    for (const each of places) {
      const numbers = await measureTensor(each, this.readBase, this.kernels, { signal: this.signal });
      if (numbers === undefined) return undefined;
      baseNorms.push(numbers.statistics.l2);
    }
    return {
      norm: Math.hypot(...updates.map(({ frobenius }) => frobenius)),
      baseNorm: Math.hypot(...baseNorms),
    };
  }

  /** DoRA: m·(W + ΔW)/‖W + ΔW‖ − W, output by output. */
  private async normalised(module: LoraModule, magnitude: Tensor, weight: Tensor): Promise<Measured> {
    const { layout, outFeatures, inFeatures } = module;
    if (layout === "embedding") return "rescales an embedding, which is not computed here";
    if (hasMagnitudeOfInputs(module))
      return "rescales inputs (dora_scale [1, in]), which is not computed here";
    if (!hasSmallFactors(module))
      return "rescales an update without small factors, which is not computed here";
    const [rows = 0] = weight.shape;
    const isSquare = outFeatures === inFeatures;
    const isTurned = isSquare ? this.session.adapterConfig?.fanInFanOut === true : rows !== outFeatures;
    if (isTurned && elementCount(weight.shape) > maxTurnedValues) return tooLargeToTurn;
    if (elementCount(magnitude.shape) !== outFeatures) return "";
    try {
      const { a, b, scale, finite } = await loadFactors(module, this.readAll, this.signal);
      if (!finite) return undefined;
      const norms = await readAllValues(magnitude, this.readFactor, this.signal);
      const update = { module: module.module, a, b, scale, magnitude: norms };
      const apply = (values: Float64Array, first: number) => addUpdates(values, first, inFeatures, [update]);
      return await normsOfChange({ weight, isTurned }, { rowsAtOnce: 1, apply }, this.readBase, this.signal);
    } catch (error) {
      if (error instanceof UpdateUnavailableError) return undefined;
      throw error;
    }
  }

  private readonly readAll: ReadTensor = (tensor) => this.readFactor(tensor, 0, tensor.byteSize, this.signal);
}

const tooLargeToTurn = "changes a weight that lies turned and is too large to be turned here";
