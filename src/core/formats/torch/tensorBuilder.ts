import { sameItems } from "../../lists/sameItems";
import { maxTensorNesting } from "../../problem/limits";
import { metaReason } from "../../tensors/tensorLayout";
import { type ContentValue, MapValue, TupleValue } from "../contentValue";
import { numberOf, stringOf, tupleItems } from "../contentView";
import { argsOf } from "../pickle/pickleObjectView";
import { PyGlobal, PyObject, PyPersistentId } from "../pickle/pickleValue";
import { TensorArgs } from "../pickle/records/tensorArgs";
import { type ArrayPlace, numpyArray } from "./numpyArray";
import { type RebuiltTensor, sizesOf, toTensor, viewOfStorage, withoutBytes } from "./rebuiltTensor";
import { type TorchDtype, torchDtype } from "./torchDtype";
import type { TorchStorage, ToStorage } from "./torchStorage";

/** Finds the storage that a pickle refers to; undefined for what is no storage. */
export type FindStorage = (reference: ToStorage) => TorchStorage | undefined;

type Build = (
  args: readonly ContentValue[],
  builder: TensorBuilder,
  depth: number,
) => RebuiltTensor | undefined;

/** As many as a layer has shapes and strides. */
const recentSizes = 8;

/**
 * Reads tensors out of the calls that would rebuild them (torch/_utils.py, `_rebuild_*`). Nothing is called: the
 * arguments say all there is to know.
 */
export class TensorBuilder {
  /** Tensors inside of others that are being built, against one that is its own argument. */
  private readonly open = new Set<PyObject>();
  private readonly recentSizes: { readonly value: ContentValue; readonly sizes: readonly number[] }[] = [];
  private nextRecent = 0;

  constructor(
    private readonly findStorage: FindStorage,
    /** Where the arrays lie that the pickle itself holds. */
    private readonly place: ArrayPlace,
  ) {}

  /** Undefined for what is no tensor, or none that can be described. */
  build(value: ContentValue | undefined, depth = 0): RebuiltTensor | undefined {
    if (!(value instanceof PyObject) || depth > maxTensorNesting || this.open.has(value)) return undefined;
    const construct = constructors.get(value.qualifiedName);
    if (construct === undefined) return numpyArray(value, this.place);
    if (value.lateArgs instanceof TensorArgs) return viewOf(value.lateArgs, this);
    if (depth > 0) this.open.add(value);
    const tensor = construct(argsOf(value), this, depth + 1);
    if (depth > 0) this.open.delete(value);
    return tensor;
  }

  /** Sizes or strides; those of neighbours are mostly the same, and share one list. */
  sizes(value: ContentValue | undefined): readonly number[] | undefined {
    // The pickle's own tuples are shared by neighbours as well, and nothing in them changes.
    const isTuple = value instanceof TupleValue;
    if (isTuple) for (const recent of this.recentSizes) if (recent.value === value) return recent.sizes;
    const found = sizesOf(value);
    if (found === undefined || value === undefined) return undefined;
    const known = this.recentSizes.find(({ sizes }) => sameItems(sizes, found));
    if (known !== undefined && !isTuple) return known.sizes;
    const sizes = known?.sizes ?? found;
    this.recentSizes[this.nextRecent++ % recentSizes] = { value, sizes };
    return sizes;
  }

  storage(reference: ContentValue | TensorArgs | undefined): TorchStorage | undefined {
    const isOne =
      reference instanceof TensorArgs || reference instanceof PyPersistentId || reference instanceof PyObject;
    return isOne ? this.findStorage(reference) : undefined;
  }
}

/** (storage, offset, size, stride), of the storage's own dtype or of another. */
function view(
  [reference, offset, size, stride]: readonly ContentValue[],
  builder: TensorBuilder,
  options?: Parameters<typeof viewOfStorage>[3],
  ownDtype?: TorchDtype,
): RebuiltTensor | undefined {
  const found = builder.storage(reference);
  const shape = builder.sizes(size);
  const strides = builder.sizes(stride);
  const start = numberOf(offset);
  if (found === undefined || shape === undefined || strides === undefined) return undefined;
  if (start === undefined || !Number.isSafeInteger(start) || start < 0) return undefined;
  return viewOfStorage(ownDtype ?? found.dtype, { shape, strides, offset: start }, found.storage, options);
}

/** As `view`, without making a tuple of all arguments. */
function viewOf(args: TensorArgs, builder: TensorBuilder): RebuiltTensor | undefined {
  const found = builder.storage(args);
  const shape = builder.sizes(args.shape);
  const strides = builder.sizes(args.strides);
  if (found === undefined || shape === undefined || strides === undefined) return undefined;
  const options = args.shared.requiresGrad ? { requiresGrad: true } : undefined;
  return viewOfStorage(found.dtype, { shape, strides, offset: args.offset }, found.storage, options);
}

/** Undefined in the usual case. The trailing argument tells of lazy conjugation and negation. */
function viewOptions(grad: ContentValue | undefined, metadata: ContentValue | undefined) {
  const isLazy = metadata instanceof MapValue && metadata.size > 0;
  if (grad !== true && !isLazy) return undefined;
  return {
    ...requiresGrad(grad),
    ...(isLazy && metadata.get("conj") === true ? { conjugate: true } : {}),
    ...(isLazy && metadata.get("neg") === true ? { negative: true } : {}),
  };
}

function requiresGrad(value: ContentValue | undefined) {
  return value === true ? { requiresGrad: true } : {};
}

function dtypeOf(value: ContentValue | undefined): TorchDtype | undefined {
  return value instanceof PyGlobal && value.module === "torch" ? torchDtype(value.name) : undefined;
}

const parameter: Build = ([data, grad], builder, depth) => {
  const inner = builder.build(data, depth);
  return inner && { ...inner, layout: { ...inner.layout, ...requiresGrad(grad) } };
};

const quantised: Build = (args, builder, depth) => {
  const [scheme, first, second, axis] = tupleItems(args[4]) ?? [];
  const name = scheme instanceof PyGlobal ? scheme.name : "";
  if (name === "per_tensor_affine") {
    const scale = numberOf(first) ?? Number.NaN;
    const zeroPoint = numberOf(second) ?? 0;
    return view(args, builder, {
      quantisation: { scheme: "per-tensor", scale, zeroPoint },
      ...requiresGrad(args[5]),
    });
  }
  const scales = builder.build(first, depth);
  const zeroPoints = builder.build(second, depth);
  const quantisation = {
    scheme: "per-channel" as const,
    axis: numberOf(axis) ?? 0,
    scales: scales && toTensor(scales, "scales"),
    zeroPoints: zeroPoints && toTensor(zeroPoints, "zeroPoints"),
  };
  return view(args, builder, { quantisation, ...requiresGrad(args[5]) });
};

const sparse: Build = ([layout, data], builder, depth) => {
  const parts = tupleItems(data) ?? [];
  const name = layoutName(layout);
  const isCoo = name.endsWith("sparse_coo");
  const indexParts = isCoo ? parts.slice(0, 1) : parts.slice(0, 2);
  const values = builder.build(parts[indexParts.length], depth);
  const shape = sizesOf(parts[indexParts.length + 1]);
  const indices = indexParts.map((part) => builder.build(part, depth));
  if (values === undefined || shape === undefined) return undefined;
  const dense = withoutBytes({ ...asDtype(values) }, shape, `The layout ${name} is not read.`);
  if (dense === undefined) return undefined;
  const kind = isCoo
    ? "coo"
    : name.endsWith("sparse_csr")
      ? "csr"
      : name.endsWith("sparse_csc")
        ? "csc"
        : undefined;
  if (kind === undefined || indices.includes(undefined)) return { ...dense, note: name };
  const tensors = indices.flatMap((part) => (part === undefined ? [] : [toTensor(part, "indices")]));
  const layoutOf = { ...dense.layout, storage: values.layout.storage };
  const sparseLayout = { kind, indices: tensors, values: toTensor(values, "values") } as const;
  return { ...dense, layout: { ...layoutOf, sparse: sparseLayout }, note: name };
};

/** The dtype of a tensor that was built already. */
function asDtype({ dtype, layout: { elementBytes } }: RebuiltTensor): TorchDtype {
  return { dtype, elementBytes, valuesPerElement: 1 };
}

/** `torch.serialization._get_layout("torch.sparse_coo")`. */
function layoutName(layout: ContentValue | undefined): string {
  if (layout instanceof PyGlobal) return layout.qualifiedName;
  return layout instanceof PyObject ? (stringOf(argsOf(layout)[0]) ?? "") : "";
}

/** (data, dtype, device, requires_grad): from NumPy, or copied from the CPU. */
const onDevice: Build = ([data], builder, depth) => builder.build(data, depth);

/** (function, type, args, state): a tensor of a subclass, or with attributes of its own. */
const fromType: Build = ([callee, type, args, state], builder, depth) => {
  if (callee === undefined || args === undefined) return undefined;
  const inner = builder.build(new PyObject(callee, args, false), depth);
  if (inner === undefined) return undefined;
  const note = type instanceof PyGlobal && type.qualifiedName !== "torch.Tensor" ? { note: type.name } : {};
  const own = ownState(state);
  return {
    ...inner,
    ...note,
    ...(own instanceof PyObject || own instanceof MapValue ? { attributes: own } : {}),
  };
};

/** A tensor's state is its attributes, or the pair of those and its slots (`copyreg.__reduce_ex__`). */
function ownState(state: ContentValue | undefined): ContentValue | undefined {
  const pair = tupleItems(state);
  if (pair?.length !== 2) return state;
  return pair[1] instanceof MapValue && pair[1].size > 0 ? pair[1] : pair[0];
}

const constructors = new Map<string, Build>([
  ["torch._utils._rebuild_tensor", (args, builder) => view(args, builder)],
  ["torch._utils._rebuild_tensor_v2", (args, builder) => view(args, builder, viewOptions(args[4], args[6]))],
  [
    "torch._utils._rebuild_tensor_v3",
    (args, builder) => {
      const dtype = dtypeOf(args[6]);
      return dtype && view(args, builder, viewOptions(args[4], args[7]), dtype);
    },
  ],
  ["torch._utils._rebuild_parameter", parameter],
  [
    "torch._utils._rebuild_parameter_with_state",
    (args, builder, depth) => {
      const inner = parameter(args, builder, depth);
      const state = args[3];
      return inner && (state instanceof MapValue ? { ...inner, attributes: state } : inner);
    },
  ],
  ["torch.nn.parameter.Parameter", parameter],
  ["torch.nn.parameter.Buffer", parameter],
  ["torch._utils._rebuild_qtensor", quantised],
  ["torch._utils._rebuild_sparse_tensor", sparse],
  ["torch._utils._rebuild_sparse_csr_tensor", sparse],
  [
    "torch._utils._rebuild_meta_tensor_no_storage",
    ([type, size]) => {
      const dtype = dtypeOf(type);
      const shape = sizesOf(size);
      return dtype && shape && withoutBytes(dtype, shape, metaReason);
    },
  ],
  [
    "torch._utils._rebuild_wrapper_subclass",
    ([type, ownDtype, size]) => {
      const dtype = dtypeOf(ownDtype);
      const shape = sizesOf(size);
      const tensor = dtype && shape && withoutBytes(dtype, shape, wrapperReason);
      return tensor && { ...tensor, note: type instanceof PyGlobal ? type.name : "subclass" };
    },
  ],
  ["torch._utils._rebuild_device_tensor_from_numpy", onDevice],
  ["torch._utils._rebuild_device_tensor_from_cpu_tensor", onDevice],
  ["torch._utils._rebuild_xla_tensor", onDevice],
  ["torch._utils._rebuild_ort_tensor", onDevice],
  ["torch._tensor._rebuild_from_type_v2", fromType],
  ["torch._tensor._rebuild_from_type", fromType],
  ["torch.tensor._rebuild_from_type", fromType],
]);

const wrapperReason = "The values are in the tensors that this one wraps.";
