/** The loops of assembly/compare*.ts and widen.ts, by the types that they are of. */
export const compareLoops = {
  F64: "compareF64",
  I16: "compareI16",
  U16: "compareU16",
  F32: "compareF32",
  BF16: "compareBf16",
  F16: "compareF16",
} as const;

export const mixedLoops = {
  "F32,F16": "compareF32F16",
  "F32,BF16": "compareF32Bf16",
  "F16,F32": "compareF16F32",
  "BF16,F32": "compareBf16F32",
} as const;

/** Of pairs that are finite. */
export const finiteLoops = {
  F32: "compareFiniteF32",
  BF16: "compareFiniteBf16",
  F16: "compareFiniteF16",
} as const;

export const widenLoops = {
  ...({ BF16: "widenBf16", F16: "widenF16", F32: "widenF32", I16: "widenI16", U16: "widenU16" } as const),
  ...({ I32: "widenI32", U32: "widenU32", I64: "widenI64", U64: "widenU64" } as const),
} as const;
