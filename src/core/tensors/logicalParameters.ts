import { isBuffer } from "./buffers";
import { hqqSettings } from "./packed/hqq";
import type { PackingHints } from "./packed/packedWeight";
import { elementCount, type Tensor } from "./tensor";

/** One way to pack weights: how it is told, and how many weights the packed tensor stands for. */
interface Packing {
  /** The packed tensor's name behind that of its module, with the dot or underscore. */
  readonly packed: string;
  readonly dtypes: readonly string[];
  /** Behind the same module name; the first that is there gives the packing away. */
  readonly tellingSiblings: readonly string[];
  /** Everything else that belongs to the packed tensor and is no parameter. */
  readonly bookkeeping: readonly string[];
  readonly count: (
    packed: Tensor,
    sibling: (ending: string) => Tensor | undefined,
    hints: PackingHints,
  ) => number;
}

const doubled = ({ shape }: Tensor) => 2 * elementCount(shape);
const asStored = ({ shape }: Tensor) => elementCount(shape);
/** 32-bit words of `bits` each. */
const words = ({ shape }: Tensor, bits: number) => (elementCount(shape) * 32) / bits;

/**
 * The packings of checkpoints that are met, by the names that their libraries write: bitsandbytes (functional.py,
 * `QuantState.as_dict`), GPTQ and AWQ (AutoGPTQ, AutoAWQ), gpt-oss' MXFP4, compressed-tensors, FP8 with scales
 * (DeepSeek, ModelOpt), MLX, HQQ, Nunchaku's SVDQuant. The first that fits a module decides.
 */
const packings: readonly Packing[] = [
  {
    packed: "",
    dtypes: ["U8"],
    tellingSiblings: [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4", ".absmax"],
    bookkeeping: [
      ".absmax",
      ".quant_map",
      ".nested_absmax",
      ".nested_quant_map",
      ".quant_state.bitsandbytes__nf4",
      ".quant_state.bitsandbytes__fp4",
    ],
    count: doubled,
  },
  {
    packed: ".weight",
    dtypes: ["I8"],
    tellingSiblings: [".SCB"],
    bookkeeping: [".SCB", ".weight_format"],
    count: asStored,
  },
  {
    packed: ".qweight",
    dtypes: ["I8", "U8"],
    tellingSiblings: [".wscales"],
    bookkeeping: [
      ".wscales",
      ".wcscales",
      ".wtscale",
      ".smooth",
      ".smooth_orig",
      ".smooth_factor",
      ".smooth_factor_orig",
      ".proj_down",
      ".proj_up",
      ".lora_down",
      ".lora_up",
    ],
    count: doubled,
  },
  {
    packed: ".qweight",
    dtypes: ["I32", "U32"],
    tellingSiblings: [".qzeros", ".scales"],
    bookkeeping: [".qzeros", ".scales", ".g_idx"],
    count: countOfGrouped,
  },
  {
    packed: "_blocks",
    dtypes: ["U8"],
    tellingSiblings: ["_scales"],
    bookkeeping: ["_scales"],
    count: doubled,
  },
  {
    packed: ".weight_packed",
    dtypes: ["I32"],
    tellingSiblings: [".weight_scale"],
    bookkeeping: [".weight_scale", ".weight_zero_point", ".weight_shape", ".weight_g_idx", ".input_scale"],
    count: (packed, _, { bits = 4 }) => words(packed, bits),
  },
  {
    packed: ".weight_packed",
    dtypes: ["U8"],
    tellingSiblings: [".weight_scale"],
    bookkeeping: [".weight_scale", ".weight_global_scale", ".input_global_scale", ".input_scale"],
    count: doubled,
  },
  {
    packed: ".weight",
    dtypes: ["U8"],
    tellingSiblings: [".weight_scale_2"],
    bookkeeping: [".weight_scale", ".weight_scale_2", ".input_scale"],
    count: doubled,
  },
  {
    packed: ".weight",
    dtypes: ["F8_E4M3", "F8_E5M2", "I8"],
    tellingSiblings: [".weight_scale_inv", ".weight_scale", ".scale_weight"],
    bookkeeping: [
      ".weight_scale_inv",
      ".weight_scale",
      ".scale_weight",
      ".input_scale",
      ".scale_input",
      ".weight_zero_point",
      ".input_zero_point",
    ],
    count: asStored,
  },
  {
    packed: ".weight",
    dtypes: ["U32"],
    tellingSiblings: [".scales"],
    bookkeeping: [".scales", ".biases"],
    count: countOfMlx,
  },
  {
    packed: "._weight_qdata",
    dtypes: ["I8", "F8_E4M3"],
    tellingSiblings: ["._weight_scale"],
    bookkeeping: ["._weight_scale", "._weight_zero_point", "._weight_act_pre_scale"],
    count: countOfTorchao,
  },
  {
    packed: ".codes",
    dtypes: ["I8", "I16"],
    tellingSiblings: [".codebooks"],
    bookkeeping: [".codebooks", ".scales"],
    count: (packed, sibling) =>
      elementCount(packed.shape.slice(0, 2)) * elementCount(sibling(".codebooks")?.shape.slice(2) ?? []),
  },
  {
    packed: ".W_q",
    dtypes: ["U8", "I32", "I8"],
    tellingSiblings: [".scale", ".zero", ".meta"],
    bookkeeping: [],
    count: (packed, _, { bits = 4 }) =>
      packed.dtype === "I32" ? words(packed, bits) : (asStored(packed) * 8) / bits,
  },
];

/** GPTQ packs along the inputs, AWQ along the outputs: the scales say how many outputs there are. */
function countOfGrouped(
  packed: Tensor,
  sibling: (ending: string) => Tensor | undefined,
  { bits }: PackingHints,
): number {
  const [rows = 1, columns = 1] = packed.shape;
  const outputs = sibling(".scales")?.shape.at(-1);
  const inputs = sibling(".g_idx")?.shape[0];
  if (bits === undefined && outputs === columns && inputs !== undefined) return inputs * columns;
  if (bits === undefined && outputs !== undefined && outputs !== columns) return rows * outputs;
  return words(packed, bits ?? 4);
}

/** `Int4Tensor` keeps two codes in a byte and its scales groups by outputs; the others as many codes as weights. */
function countOfTorchao(packed: Tensor, sibling: (ending: string) => Tensor | undefined): number {
  const [groups, outputs] = sibling("._weight_scale")?.shape ?? [];
  const [rows] = packed.shape;
  return packed.dtype === "I8" && outputs === rows && groups !== rows
    ? 2 * elementCount(packed.shape)
    : elementCount(packed.shape);
}

/** Where no configuration says the bits, groups of 64 are what MLX makes unless it is told otherwise. */
function countOfMlx(
  packed: Tensor,
  sibling: (ending: string) => Tensor | undefined,
  hints: PackingHints,
): number {
  const groups = sibling(".scales")?.shape.at(-1);
  const columns = packed.shape.at(-1) ?? 1;
  if (hints.bits !== undefined) return words(packed, hints.bits);
  if (groups === undefined || columns === 0) return words(packed, 4);
  return (elementCount(packed.shape) / columns) * groups * (hints.groupSize ?? 64);
}

/**
 * How many of the model's parameters each tensor stands for, as the model's own code counts them: packed weights are
 * counted unpacked; scales, zero points, maps and buffers count nothing.
 */
export function logicalParameters(tensors: readonly Tensor[], hints: PackingHints = {}): Float64Array {
  const byName = new Map(tensors.map((tensor, index) => [tensor.name, index]));
  const counts = Float64Array.from(tensors, (tensor) => (isBuffer(tensor) ? 0 : elementCount(tensor.shape)));
  tensors.forEach((tensor, index) => {
    for (const { packed, dtypes, tellingSiblings, bookkeeping, count } of packings) {
      if (!tensor.name.endsWith(packed) || !dtypes.includes(tensor.dtype)) continue;
      const module = tensor.name.slice(0, tensor.name.length - packed.length);
      const indexOf = (ending: string) => byName.get(module + ending);
      if (!tellingSiblings.some((ending) => indexOf(ending) !== undefined)) continue;
      const sibling = (ending: string) => tensors[indexOf(ending) ?? -1];
      counts[index] = count(tensor, sibling, hints);
      const others = packed === ".W_q" ? [".scale", ".zero", ".shape", ...hqqSettings] : bookkeeping;
      for (const ending of others) {
        const other = indexOf(ending);
        if (other !== undefined) counts[other] = 0;
      }
      break;
    }
  });
  return counts;
}
