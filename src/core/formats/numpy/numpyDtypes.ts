/** NumPy's type codes without their byte order (array-interface protocol), in our spelling. */
export const numpySpellings: ReadonlyMap<string, string> = new Map(
  Object.entries({
    b1: "BOOL",
    u1: "U8",
    i1: "I8",
    u2: "U16",
    i2: "I16",
    u4: "U32",
    i4: "I32",
    u8: "U64",
    i8: "I64",
    f2: "F16",
    f4: "F32",
    f8: "F64",
    c8: "C64",
    c16: "C128",
  }),
);
