import { dtypeBits } from "../../tensors/dtype";

/** The 22 dtypes of safetensors 0.8. The names that torch has beyond them are unknown in this format. */
const names = [
  ...["BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8"],
  ...["F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"],
  ...["I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64"],
];

/** Bits of an element by dtype. */
export const safetensorsDtypes: ReadonlyMap<string, number> = new Map(
  names.map((name) => [name, dtypeBits.get(name) ?? 0]),
);
