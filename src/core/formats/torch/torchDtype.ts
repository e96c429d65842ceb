import { dtypeBits, torchOnlyBits } from "../../tensors/dtype";

/** A dtype of torch as it lies in memory. */
export interface TorchDtype {
  /** In the spelling of safetensors where that has one. */
  readonly dtype: string;
  /** torch counts in elements of this many bytes. */
  readonly elementBytes: number;
  /** Values in an element: two 4-bit floats share a byte, which torch takes for one element. */
  readonly valuesPerElement: number;
}

const spellings = new Map<string, string>(
  Object.entries({
    bool: "BOOL",
    uint8: "U8",
    int8: "I8",
    int16: "I16",
    short: "I16",
    uint16: "U16",
    int32: "I32",
    int: "I32",
    uint32: "U32",
    int64: "I64",
    long: "I64",
    uint64: "U64",
    float16: "F16",
    half: "F16",
    bfloat16: "BF16",
    float32: "F32",
    float: "F32",
    float64: "F64",
    double: "F64",
    complex32: "C32",
    chalf: "C32",
    complex64: "C64",
    cfloat: "C64",
    complex128: "C128",
    cdouble: "C128",
    float8_e4m3fn: "F8_E4M3",
    float8_e4m3fnuz: "F8_E4M3FNUZ",
    float8_e5m2: "F8_E5M2",
    float8_e5m2fnuz: "F8_E5M2FNUZ",
    float8_e8m0fnu: "F8_E8M0",
    float4_e2m1fn_x2: "F4",
    qint8: "QINT8",
    quint8: "QUINT8",
    qint32: "QINT32",
    quint4x2: "QUINT4x2",
    quint2x4: "QUINT2x4",
    bits8: "BITS8",
    bits16: "BITS16",
    bits1x8: "BITS8",
    bits2x4: "BITS8",
    bits4x2: "BITS8",
    ...Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [
        [`uint${bits}`, `U${bits}`],
        [`int${bits}`, `I${bits}`],
      ]),
    ),
  }),
);

/** `float32` of `torch.float32`. */
export function torchDtype(name: string): TorchDtype | undefined {
  const dtype = spellings.get(name);
  const bits = dtype === undefined ? undefined : (dtypeBits.get(dtype) ?? torchOnlyBits.get(dtype));
  if (dtype === undefined || bits === undefined) return undefined;
  if (dtype === "F4") return { dtype, elementBytes: 1, valuesPerElement: 2 };
  return { dtype, elementBytes: bits / 8, valuesPerElement: 1 };
}

const storageDtypes = new Map<string, string>(
  Object.entries({
    FloatStorage: "float32",
    DoubleStorage: "float64",
    HalfStorage: "float16",
    BFloat16Storage: "bfloat16",
    LongStorage: "int64",
    IntStorage: "int32",
    ShortStorage: "int16",
    CharStorage: "int8",
    ByteStorage: "uint8",
    BoolStorage: "bool",
    ComplexFloatStorage: "complex64",
    ComplexDoubleStorage: "complex128",
    QInt8Storage: "qint8",
    QUInt8Storage: "quint8",
    QInt32Storage: "qint32",
    QUInt4x2Storage: "quint4x2",
    QUInt2x4Storage: "quint2x4",
    // Their sizes are in bytes, and the tensor says what they hold.
    UntypedStorage: "uint8",
    _UntypedStorage: "uint8",
    TypedStorage: "uint8",
    _TypedStorage: "uint8",
  }),
);

/** What a storage of a class holds: `FloatStorage`, in whatever module it was. */
export function storageDtype(className: string): TorchDtype | undefined {
  return dtypeOfStorage.get(className);
}

/** Made once: a large model asks a hundred thousand times. */
const dtypeOfStorage: ReadonlyMap<string, TorchDtype> = new Map(
  [...storageDtypes].flatMap(([className, name]) => {
    const dtype = torchDtype(name);
    return dtype === undefined ? [] : [[className, dtype] as const];
  }),
);

/** Its elements are bytes whose meaning only the tensor knows. */
export function isUntyped(className: string): boolean {
  return className.endsWith("ypedStorage");
}
