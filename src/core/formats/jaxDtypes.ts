/**
 * The dtypes that Flax' msgpack and zarr spell alike: NumPy's names, and those of ml_dtypes beside them, whose integers of
 * 2 and 4 bits take a byte each.
 */
export const jaxDtypes: ReadonlyMap<string, string> = new Map([
  ["bool", "BOOL"],
  ["int8", "I8"],
  ["int16", "I16"],
  ["int32", "I32"],
  ["int64", "I64"],
  ["uint8", "U8"],
  ["uint16", "U16"],
  ["uint32", "U32"],
  ["uint64", "U64"],
  ["float16", "F16"],
  ["bfloat16", "BF16"],
  ["float32", "F32"],
  ["float64", "F64"],
  ["complex64", "C64"],
  ["float8_e4m3fn", "F8_E4M3"],
  ["float8_e5m2", "F8_E5M2"],
  ["float8_e4m3fnuz", "F8_E4M3FNUZ"],
  ["float8_e5m2fnuz", "F8_E5M2FNUZ"],
  ["float8_e8m0fnu", "F8_E8M0"],
  ["int2", "I2"],
  ["int4", "I4"],
  ["uint2", "U2"],
  ["uint4", "U4"],
]);
