import { mapParallel } from "../../bytes/mapParallel";
import type { ReadTensorRange } from "../readTensorRange";
import type { Tensor } from "../tensor";
import { ggmlWeight } from "./ggml";
import { isNotUnpacked, type PackedWeight, type PackingHints, type Sibling } from "./packedWeight";
import { packingOf } from "./packings";
import { statedWeight } from "./statedCodes";
import { torchQuantised } from "./torchQuantised";
import { unpackedTensor } from "./unpackedTensor";

/** Finds how a tensor's weight is packed by its name and what lies beside it. */
export class PackedWeights {
  private readonly byName: ReadonlyMap<string, Tensor>;

  constructor(
    private readonly tensors: readonly Tensor[],
    private readonly hints: PackingHints,
  ) {
    this.byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }

  /**
   * The tensors that hold codes of packed weights, as the file says, or judged by names and dtypes alone; not those whose dtype tells the
   * values by itself.
   */
  codes(): readonly Tensor[] {
    return this.tensors.filter(
      (tensor) => tensor.codes !== undefined || this.unpackingOf(tensor) !== undefined,
    );
  }

  /**
   * The weight whose codes `tensor` holds. Undefined where it holds none, or where what lies beside it does not fit:
   * then nobody can tell the values. Reads a few bytes, of shapes and scales of the whole tensor.
   * @param tell is given the reason, where more is known of it.
   */
  async of(
    tensor: Tensor,
    read: ReadTensorRange,
    tell?: (reason: string) => void,
  ): Promise<PackedWeight | undefined> {
    const byItself = ggmlWeight(tensor) ?? torchQuantised(tensor);
    if (byItself !== undefined) return byItself;
    const found = this.unpackingOf(tensor);
    const { codes } = tensor;
    if (codes === undefined && found === undefined) return undefined;
    let weight: PackedWeight | undefined;
    try {
      if (codes !== undefined)
        weight = await statedWeight(tensor, codes, (name) => this.byName.get(name), read);
      else if (found !== undefined) {
        const { unpacking, module } = found;
        const sibling: Sibling = (ending) => this.byName.get(module + ending);
        weight = await unpacking.unpack(module + unpacking.becomes, tensor, sibling, this.hints, read);
      }
    } catch (error) {
      if (!isNotUnpacked(error)) throw error;
      tell?.(error.message);
    }
    // Scales that are no real numbers are none.
    if (weight?.stored.some(({ dtype }) => dtype.startsWith("C")) === true) return undefined;
    return weight && { ...weight, madeBy: { hints: this.hints } };
  }

  private unpackingOf(tensor: Tensor) {
    const found = packingOf(
      tensor,
      (name) => this.byName.has(name),
      ({ unpacked, dtypes, telling }) =>
        (unpacked?.dtypes ?? dtypes).includes(tensor.dtype) && unpacked !== undefined
          ? (unpacked.telling ?? telling)
          : [],
    );
    const unpacking = found?.packing.unpacked;
    return unpacking === undefined ? undefined : { unpacking, module: found?.module ?? "" };
  }
}

/** The packed weights of a checkpoint. */
export interface PackedCodes {
  readonly hints: PackingHints;
  /** By the tensor that holds the codes; without those that nobody can tell the values of. */
  readonly weights: ReadonlyMap<Tensor, PackedWeight>;
  /** Tensors that hold codes whose values are not computed, with the reason: a sentence. */
  readonly unknown: ReadonlyMap<Tensor, string>;
}

/** Ways to pack weights that are known by their names and not unpacked. */
const notUnpacked: readonly {
  readonly ending: string;
  readonly beside: string;
  readonly reason: string;
}[] = [
  { ending: ".indices", beside: ".centroids.weight", reason: "VPTQ keeps them as indexes into centroids." },
  { ending: ".qweight", beside: ".wscales", reason: "SVDQuant keeps them in the order of one GPU kernel." },
  {
    ending: ".tensor_impl.packed_weight",
    beside: ".tensor_impl.scale_and_zero",
    reason: "torchao's tiled layout is that of one GPU kernel.",
  },
  { ending: ".trellis", beside: ".suh", reason: "EXL3 keeps them as paths through a trellis." },
  { ending: ".q_weight", beside: ".q_scale", reason: "EXL2 keeps them in the order of one GPU kernel." },
  {
    ending: ".weight_packed",
    beside: ".scale_packed",
    reason: "Marlin keeps them in the order of one GPU kernel.",
  },
  { ending: ".B", beside: ".s", reason: "Marlin keeps them in the order of one GPU kernel." },
  {
    ending: ".bitmask",
    beside: ".compressed",
    reason: "compressed-tensors keeps of a sparse weight only what is not zero, which is not spread out.",
  },
];

const doesNotFit = "What lies beside the codes is of another layout, or of another size, than is known here.";

/** Finds all packed weights, with a read of a few bytes each. One whose parts cannot be read is left out. */
export async function findPackedCodes(
  tensors: readonly Tensor[],
  hints: PackingHints,
  read: ReadTensorRange,
): Promise<PackedCodes> {
  const packed = new PackedWeights(tensors, hints);
  const weights = new Map<Tensor, PackedWeight>();
  const unknown = new Map<Tensor, string>();
  await mapParallel(packed.codes(), parallelReads, async (tensor) => {
    let reason = doesNotFit;
    const tell = (why: string) => {
      reason = why;
    };
    const weight = await packed.of(tensor, read, tell).catch(() => undefined);
    if (weight !== undefined) weights.set(tensor, weight);
    else unknown.set(tensor, reason);
  });
  const names = new Set(tensors.map(({ name }) => name));
  for (const tensor of tensors) {
    const found = notUnpacked.find(
      ({ ending, beside }) =>
        tensor.name.endsWith(ending) && names.has(tensor.name.slice(0, -ending.length) + beside),
    );
    const reason = found?.reason ?? tensor.unreadCodes;
    if (reason !== undefined) unknown.set(tensor, reason);
  }
  return { hints, weights, unknown };
}

/**
 * A checkpoint's tensors with each packed weight in the place of its codes, and without what belongs to those. What
 * cannot be unpacked stays as it is.
 */
export function unpackTensors(tensors: readonly Tensor[], { weights }: PackedCodes): readonly Tensor[] {
  if (weights.size === 0) return tensors;
  const belonging = new Set([...weights.values()].flatMap(({ stored }) => stored));
  // torchao's tensors are listed themselves too, without bytes of their own.
  const wrappers = new Set([...weights.values()].flatMap(({ name }) => [name, `${name}.tensor_impl`]));
  const isWrapper = ({ name, layout }: Tensor) =>
    wrappers.has(name) && layout !== undefined && layout.storage.region === undefined;
  return tensors.flatMap((tensor) => {
    const weight = weights.get(tensor);
    return weight !== undefined
      ? [unpackedTensor(tensor, weight)]
      : belonging.has(tensor) || isWrapper(tensor)
        ? []
        : [tensor];
  });
}

/** Each is a read of its own, of a few bytes. */
const parallelReads = 8;
