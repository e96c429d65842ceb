import { describe, expect, it } from "vitest";
import { BytesValue, type ContentValue } from "../../../../src/core/formats/contentValue";
import { Op } from "../../../../src/core/formats/pickle/opcode";
import { PyObject } from "../../../../src/core/formats/pickle/pickleValue";
import { unpickle } from "../../../../src/core/formats/pickle/unpickle";
import { pythonText } from "../../../../src/core/formats/pythonText";
import { latin1, little, text } from "./latin1";

function read(pickle: string): ContentValue {
  const { value, failure } = unpickle(latin1(pickle));
  if (failure !== undefined) throw failure;
  if (value === undefined) throw new Error("no value");
  return value;
}

/** Opcode, a pickle with it, and what Python's repr says of the result. */
const cases: readonly (readonly [op: keyof typeof Op, pickle: string, repr: string])[] = [
  ["MARK", "(I1\nI2\nt.", "(1, 2)"],
  ["STOP", "N.", "None"],
  ["POP", "I1\nI2\n0.", "1"],
  ["POP", "I1\n(0.", "1"],
  ["POP_MARK", "I1\n(I2\nI3\n1.", "1"],
  ["DUP", "I1\n2\x86.", "(1, 1)"],
  ["FLOAT", "F1.5\n.", "1.5"],
  ["FLOAT", "Fnan\n.", "nan"],
  ["FLOAT", "F-inf\n.", "-inf"],
  ["FLOAT", "F1e-05\n.", "1e-05"],
  ["INT", "I-12\n.", "-12"],
  ["INT", "I01\n.", "True"],
  ["INT", "I00\n.", "False"],
  ["INT", "I36893488147419103232\n.", "36893488147419103232"],
  ["BININT", "J\xff\xff\xff\xff.", "-1"],
  ["BININT1", "K\xff.", "255"],
  ["LONG", "L-7L\n.", "-7"],
  ["LONG", "L1180591620717411303424L\n.", "1180591620717411303424"],
  ["BININT2", "M\xff\xff.", "65535"],
  ["NONE", "N.", "None"],
  ["PERSID", "Pabc\n.", "persistent id 'abc'"],
  ["BINPERSID", "I7\nQ.", "persistent id 7"],
  ["REDUCE", "cm\nf\n(I1\ntR.", "f(1)"],
  ["STRING", "S'a\\n\\x41\\101\\'\\q'\n.", '"a\\nAA\'\\\\q"'],
  ["STRING", 'S"it\'s"\n.', '"it\'s"'],
  ["STRING", "S'\\xff'\n.", "b'\\xff'"],
  ["BINSTRING", `T${little(3, 4)}abc.`, "'abc'"],
  ["SHORT_BINSTRING", "U\x03abc.", "'abc'"],
  ["SHORT_BINSTRING", "U\x02\xff\x01.", "b'\\xff\\x01'"],
  ["UNICODE", "Vh\xe9\\u2603\\U0001f600\\\\u0041\n.", "'hé☃😀\\\\\\\\u0041'"],
  ["BINUNICODE", `X${little(2, 4)}\xc3\xa9.`, "'é'"],
  ["APPEND", "]I1\na.", "[1]"],
  ["BUILD", "cm\nC\n)\x81}X\x01\0\0\0aI1\nsb.", "C(…)"],
  ["GLOBAL", "cmodule\nname\n.", "module.name"],
  ["DICT", "(I1\nI2\nd.", "{1: 2}"],
  ["EMPTY_DICT", "}.", "{}"],
  ["APPENDS", "](I1\nI2\ne.", "[1, 2]"],
  ["GET", "I5\np3\n0g3\n.", "5"],
  ["BINGET", "I5\nq\x030h\x03.", "5"],
  ["INST", "(I1\nim\nC\n.", "C(1)"],
  ["LONG_BINGET", `I5\nr${little(70_000, 4)}0j${little(70_000, 4)}.`, "5"],
  ["LIST", "(I1\nl.", "[1]"],
  ["EMPTY_LIST", "].", "[]"],
  ["OBJ", "(cm\nC\nI1\no.", "C(1)"],
  ["PUT", "I5\np0\n.", "5"],
  ["BINPUT", "I5\nq\0.", "5"],
  ["LONG_BINPUT", "I5\nr\0\0\0\0.", "5"],
  ["SETITEM", "}I1\nI2\ns.", "{1: 2}"],
  ["TUPLE", "(t.", "()"],
  ["EMPTY_TUPLE", ").", "()"],
  ["SETITEMS", "}(I1\nI2\nI3\nI4\nu.", "{1: 2, 3: 4}"],
  ["BINFLOAT", "G\x3f\xf8\0\0\0\0\0\0.", "1.5"],
  ["PROTO", "\x80\x05N.", "None"],
  ["NEWOBJ", "cm\nC\nI1\n\x85\x81.", "C(1)"],
  ["EXT1", "\x82\x07.", "copyreg.extension_7"],
  ["EXT2", "\x83\x07\x01.", "copyreg.extension_263"],
  ["EXT4", "\x84\x07\0\0\0.", "copyreg.extension_7"],
  ["TUPLE1", "I1\n\x85.", "(1,)"],
  ["TUPLE2", "I1\nI2\n\x86.", "(1, 2)"],
  ["TUPLE3", "I1\nI2\nI3\n\x87.", "(1, 2, 3)"],
  ["NEWTRUE", "\x88.", "True"],
  ["NEWFALSE", "\x89.", "False"],
  ["LONG1", "\x8a\0.", "0"],
  ["LONG1", "\x8a\x01\xff.", "-1"],
  ["LONG1", "\x8a\x07\xff\xff\xff\xff\xff\xff\x7f.", "36028797018963967"],
  ["LONG1", "\x8a\x09\0\0\0\0\0\0\0\0\x80.", "-2361183241434822606848"],
  ["LONG4", `\x8b${little(2, 4)}\0\x80.`, "-32768"],
  ["BINBYTES", `B${little(1, 4)}\xff.`, "b'\\xff'"],
  ["SHORT_BINBYTES", "C\x01a.", "b'a'"],
  ["SHORT_BINUNICODE", "\x8c\x01a.", "'a'"],
  ["BINUNICODE8", `\x8d${little(1, 8)}a.`, "'a'"],
  ["BINBYTES8", `\x8e${little(1, 8)}a.`, "b'a'"],
  ["EMPTY_SET", "\x8f.", "set()"],
  ["ADDITEMS", "\x8f(I1\nI2\n\x90.", "{1, 2}"],
  ["FROZENSET", "(I1\n\x91.", "frozenset({1})"],
  ["NEWOBJ_EX", "cm\nC\nI1\n\x85}\x92.", "C(1)"],
  ["STACK_GLOBAL", "\x8c\x01m\x8c\x01n\x93.", "m.n"],
  ["MEMOIZE", "I5\n\x94I6\n\x94h\0\x87.".replace("\x87", "\x86"), "(6, 5)"],
  ["FRAME", `\x95${little(2, 8)}N.`, "None"],
  ["BYTEARRAY8", `\x96${little(1, 8)}a.`, "bytearray(b'a')"],
  ["NEXT_BUFFER", "\x97.", "bytearray(b'')"],
  ["READONLY_BUFFER", "\x97\x98.", "bytearray(b'')"],
];

describe("the pickle machine", () => {
  it.each(cases)("carries out %s (%#)", (_op, pickle, repr) => {
    const value = read(pickle);
    expect(value instanceof BytesValue && value.length === 0 ? "bytearray(b'')" : pythonText(value)).toBe(
      repr,
    );
  });

  it("has a case for every opcode", () => {
    const tested = new Set(cases.map(([op]) => op));
    expect(Object.keys(Op).filter((name) => !tested.has(name as keyof typeof Op))).toEqual([]);
  });

  it("keeps the identity of what is shared, and cycles", () => {
    const list = read("]q\0(h\0h\0e.");
    expect(list).toHaveProperty("items.0", list);
    expect(list).toHaveProperty("items.1", list);
  });

  it("keeps arguments, state, items and mapping of an object of an unknown class", () => {
    const object = read(`cm\nC\nI1\n\x85\x81(I2\ne(${text("k")}I3\nu}${text("a")}I4\nsb.`) as PyObject;
    expect(object).toBeInstanceOf(PyObject);
    expect([object.args, object.state].map((part) => pythonText(part ?? null))).toEqual(["(1,)", "{'a': 4}"]);
    expect(object.items).toEqual([2]);
    expect(object.mapItems?.get("k")).toBe(3);
  });

  it("reads objects of protocols 0 and 1 as those of their class", () => {
    const object = read(
      "ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb.",
    ) as PyObject;
    expect(object.qualifiedName).toBe("m.C");
    expect(object.isInstance).toBe(true);
  });

  it.each([
    ["c__builtin__\nlong\n.", "builtins.int"],
    ["c__builtin__\nset\n.", "builtins.set"],
    ["ccPickle\nloads\n.", "pickle.loads"],
    ["\x80\x02c__builtin__\nxrange\n.", "builtins.range"],
    ["\x80\x03c__builtin__\nset\n.", "__builtin__.set"],
  ])("maps the names of Python 2 as Python 3 does (%#)", (pickle, name) => {
    expect(pythonText(read(pickle))).toBe(name);
  });

  it("takes the last of two equal keys, as Python does", () => {
    expect(pythonText(read("}(I1\nI2\nI1\nI3\nu."))).toBe("{1: 3}");
    const many = Array.from({ length: 50 }, (_, at) => `K${String.fromCharCode(at)}N`).join("");
    expect(pythonText(read(`}(${many}K\x07I9\nu.`))).toContain("0: None");
    expect((read(`}(${many}K\x07I9\nu.`) as unknown as { size: number }).size).toBe(50);
  });

  it("says where it ends, for what follows", () => {
    expect(unpickle(latin1("N.N."), { start: 2 })).toMatchObject({ value: null, end: 4 });
    expect(unpickle(latin1("N.N.")).end).toBe(2);
  });
});
