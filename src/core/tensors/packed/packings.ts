import type { ReadTensorRange } from "../readTensorRange";
import { elementCount, type Tensor } from "../tensor";
import { aqlm } from "./aqlm";
import { bitsandbytes4, bitsandbytes8 } from "./bitsandbytes";
import { gptqOrAwq } from "./gptq";
import {
  areFp4Pairs,
  fp4Groups,
  mlxAffine,
  mxfp4Blocks,
  packedIntegers,
  parameterScaleEndings,
  scaledBytes,
  scaleEndings,
} from "./groupScaled";
import { hqq, hqqSettings } from "./hqq";
import type { PackedWeight, PackingHints, Sibling } from "./packedWeight";
import { torchao } from "./torchao";

/**
 * One way to pack weights: how it is told, how many weights the packed tensor stands for, and how its codes become
 * values.
 */
export interface Packing {
  /** The packed tensor's name behind that of its module, with the dot or underscore. */
  readonly ending: string;
  readonly dtypes: readonly string[];
  /** Behind the same module name; the first that is there gives the packing away. */
  readonly telling: readonly string[];
  /** Everything else that belongs to the packed tensor and is no parameter. */
  readonly bookkeeping: readonly string[];
  /** Undefined where the packed tensor and what lies beside it count as they are stored. */
  readonly count?: (packed: Tensor, sibling: Sibling, hints: PackingHints) => number;
  /** Undefined where the values of the codes are not known here. */
  readonly unpacked?: Unpacking;
}

interface Unpacking {
  /** Where fewer of the telling tensors, or of the dtypes, say enough for values. */
  readonly telling?: readonly string[];
  readonly dtypes?: readonly string[];
  /** What the weight is called unpacked, behind the module's name. */
  readonly becomes: string;
  readonly unpack: (
    name: string,
    codes: Tensor,
    sibling: Sibling,
    hints: PackingHints,
    read: ReadTensorRange,
  ) => Promise<PackedWeight | undefined> | PackedWeight | undefined;
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
    ending: "",
    dtypes: ["U8"],
    telling: [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4", ".absmax"],
    bookkeeping: [
      ".absmax",
      ".quant_map",
      ".nested_absmax",
      ".nested_quant_map",
      ".quant_state.bitsandbytes__nf4",
      ".quant_state.bitsandbytes__fp4",
    ],
    count: doubled,
    unpacked: {
      telling: [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"],
      becomes: "",
      unpack: (name, codes, sibling, _, read) => bitsandbytes4(name, codes, sibling, read),
    },
  },
  {
    ending: ".weight",
    dtypes: ["I8"],
    telling: [".SCB"],
    bookkeeping: [".SCB", ".weight_format"],
    count: asStored,
    unpacked: { becomes: ".weight", unpack: bitsandbytes8 },
  },
  {
    ending: ".qweight",
    dtypes: ["I8", "U8"],
    telling: [".wscales"],
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
    ending: ".qweight",
    dtypes: ["I32", "U32"],
    telling: [".qzeros", ".scales"],
    bookkeeping: [".qzeros", ".scales", ".g_idx"],
    count: countOfGrouped,
    unpacked: { telling: [".qzeros"], becomes: ".weight", unpack: gptqOrAwq },
  },
  {
    ending: "_blocks",
    dtypes: ["U8"],
    telling: ["_scales"],
    bookkeeping: ["_scales"],
    count: doubled,
    unpacked: { becomes: "", unpack: mxfp4Blocks },
  },
  {
    ending: ".weight_packed",
    dtypes: ["I32"],
    telling: [".weight_scale"],
    bookkeeping: [".weight_scale", ".weight_zero_point", ".weight_shape", ".weight_g_idx", ".input_scale"],
    // A word holds whole codes: ten of 3 bits.
    count: ({ shape }, _, { bits = 4 }) => elementCount(shape) * Math.floor(32 / bits),
    unpacked: { becomes: ".weight", unpack: packedIntegers },
  },
  {
    // Of four neighbours two are kept, their places beside them (marlin-24).
    ending: ".weight_packed",
    dtypes: ["I32"],
    telling: [".scale_packed"],
    bookkeeping: [".scale_packed", ".meta"],
    count: (packed, _, { bits = 4 }) => 2 * words(packed, bits),
  },
  {
    // A bit for each weight that is kept, the rows filled up to whole bytes.
    ending: ".bitmask",
    dtypes: ["U8"],
    telling: [".compressed"],
    bookkeeping: [".compressed", ".row_offsets", ".shape"],
    count: ({ shape }) => 8 * elementCount(shape),
  },
  {
    ending: ".weight_packed",
    dtypes: ["U8"],
    telling: [".weight_scale"],
    bookkeeping: [".weight_scale", ".weight_global_scale", ".input_global_scale", ".input_scale"],
    count: doubled,
    unpacked: {
      becomes: ".weight",
      unpack: (name, codes, sibling, _, read) => fp4Groups(name, codes, sibling, read),
    },
  },
  {
    ending: ".weight",
    dtypes: ["U8"],
    telling: [".weight_scale_2"],
    bookkeeping: [".weight_scale", ".weight_scale_2", ".input_scale"],
    count: doubled,
    unpacked: {
      becomes: ".weight",
      unpack: (name, codes, sibling, _, read) => fp4Groups(name, codes, sibling, read),
    },
  },
  {
    ending: ".weight",
    dtypes: ["F8_E4M3", "F8_E5M2", "I8"],
    telling: scaleEndings,
    bookkeeping: [...scaleEndings, ".input_scale", ".scale_input", ".weight_zero_point", ".input_zero_point"],
    count: countOfBytes,
    unpacked: { becomes: ".weight", unpack: scaledBytes },
  },
  {
    ending: ".weight",
    dtypes: ["U32"],
    telling: [".scales"],
    bookkeeping: [".scales", ".biases", ".qbiases"],
    count: countOfMlx,
    unpacked: { becomes: ".weight", unpack: mlxAffine },
  },
  {
    ending: "._weight_qdata",
    dtypes: ["I8", "F8_E4M3"],
    telling: ["._weight_scale"],
    bookkeeping: ["._weight_scale", "._weight_zero_point", "._weight_act_pre_scale"],
    count: countOfTorchao,
    unpacked: torchaoBeside("._weight_", ".weight"),
  },
  ...[".tensor_impl.int_data", ".tensor_impl.float8_data"].map((ending) =>
    torchaoTensor(ending, ".tensor_impl."),
  ),
  torchaoTensor(".qdata", "."),
  {
    ending: ".codes",
    dtypes: ["I8", "I16"],
    telling: [".codebooks"],
    bookkeeping: [".codebooks", ".scales"],
    count: (packed, sibling) =>
      elementCount(packed.shape.slice(0, 2)) * elementCount(sibling(".codebooks")?.shape.slice(2) ?? []),
    unpacked: { becomes: ".weight", unpack: aqlm },
  },
  {
    ending: ".W_q",
    dtypes: ["U8", "I32", "I8"],
    telling: [".scale", ".zero", ".meta"],
    bookkeeping: [".scale", ".zero", ".shape", ...hqqSettings],
    count: countOfHqq,
    unpacked: { telling: [".scale"], dtypes: ["U8", "I32"], becomes: ".weight", unpack: hqq },
  },
  {
    // Experts that are one parameter, without a module of their own (transformers).
    ending: "",
    dtypes: ["F8_E4M3", "F8_E5M2", "I8"],
    telling: parameterScaleEndings,
    bookkeeping: parameterScaleEndings,
    count: countOfBytes,
    unpacked: { becomes: "", unpack: scaledBytes },
  },
];

function countOfBytes(packed: Tensor, sibling: Sibling): number {
  return areFp4Pairs(packed, sibling) ? doubled(packed) : asStored(packed);
}

/** GPTQ packs along the inputs, AWQ along the outputs: the scales say how many outputs there are. */
function countOfGrouped(packed: Tensor, sibling: Sibling, { bits }: PackingHints): number {
  const [rows = 1, columns = 1] = packed.shape;
  const outputs = sibling(".scales")?.shape.at(-1);
  const inputs = sibling(".g_idx")?.shape[0];
  if (bits === undefined && outputs === columns && inputs !== undefined) return inputs * columns;
  if (bits === undefined && outputs !== undefined && outputs !== columns) return rows * outputs;
  return words(packed, bits ?? 4);
}

/** A row of codes is a group (axis 1), whatever the bits: those that fill up the last part are none. */
function countOfHqq(packed: Tensor, sibling: Sibling, { bits = 4, groupSize }: PackingHints): number {
  const scales = sibling(".scale")?.shape;
  if (scales?.length === 2 && scales[1] === 1 && packed.shape.length === 2)
    return elementCount(scales) * (packed.shape[1] as number);
  // Words hold ten codes of 3 bits.
  const most = packed.dtype === "I32" ? 10 * asStored(packed) : (asStored(packed) * 8) / bits;
  const ofGroups = elementCount(scales ?? []) * (groupSize ?? 0);
  return packed.dtype === "I32" && ofGroups > 0 && ofGroups < most ? ofGroups : most;
}

/** `Int4Tensor` keeps two codes in a byte and its scales groups by outputs; the others as many codes as weights. */
function countOfTorchao(packed: Tensor, sibling: Sibling): number {
  const [groups, outputs] = sibling("._weight_scale")?.shape ?? [];
  const [rows] = packed.shape;
  return packed.dtype === "I8" && outputs === rows && groups !== rows
    ? 2 * elementCount(packed.shape)
    : elementCount(packed.shape);
}

/** A tensor of torchao that was pickled whole: its parts lie under its own name. */
function torchaoTensor(ending: string, prefix: string): Packing {
  const telling = [`${prefix}scale`];
  return { ending, dtypes: ["I8", "F8_E4M3"], telling, bookkeeping: [], unpacked: torchaoBeside(prefix, "") };
}

function torchaoBeside(prefix: string, becomes: string): Unpacking {
  return { becomes, unpack: (name, codes, sibling) => torchao(name, codes, sibling, prefix) };
}

/** Where no configuration says the bits, groups of 64 are what MLX makes unless it is told otherwise. */
function countOfMlx(packed: Tensor, sibling: Sibling, hints: PackingHints): number {
  const groups = sibling(".scales")?.shape.at(-1);
  const columns = packed.shape.at(-1) ?? 1;
  if (hints.bits !== undefined) return words(packed, hints.bits);
  if (groups === undefined || columns === 0) return words(packed, 4);
  return (elementCount(packed.shape) / columns) * groups * (hints.groupSize ?? 64);
}

/** The first packing that fits a tensor by its name, its dtype and what lies beside it, and its module. */
export function packingOf(
  { name, dtype }: Tensor,
  has: (name: string) => boolean,
  tellingOf: (packing: Packing) => readonly string[] = ({ telling }) => telling,
): { readonly packing: Packing; readonly module: string } | undefined {
  const ofDtype = packingsOf(dtype);
  for (let at = 0; at < ofDtype.length; at++) {
    const packing = ofDtype[at] as Packing;
    if (!name.endsWith(packing.ending)) continue;
    const module = name.slice(0, name.length - packing.ending.length);
    if (tellingOf(packing).some((each) => has(module + each))) return { packing, module };
  }
  return undefined;
}

const packingsOfDtype = new Map<string, readonly Packing[]>();

/** In their order. Looked up once a dtype: each tensor of a large model asks. */
function packingsOf(dtype: string): readonly Packing[] {
  const known = packingsOfDtype.get(dtype);
  if (known !== undefined) return known;
  const found = packings.filter(({ dtypes }) => dtypes.includes(dtype));
  // A file may say anything.
  if (packingsOfDtype.size < 64) packingsOfDtype.set(dtype, found);
  return found;
}
