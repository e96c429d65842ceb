import { damagedHdf5, type Hdf5Fields } from "./hdf5File";
import type { NarrowBits } from "./narrowIntegers";

/** What the values of a dataset or attribute are, and how they lie. */
export interface Hdf5Type {
  /** In our spelling; `object` for values of no fixed length, `S12` for text, `structured` and `opaque` for the rest. */
  readonly dtype: string;
  readonly itemBytes: number;
  readonly bigEndian: boolean;
  /** Axes that each value has by itself, behind those of the dataset. */
  readonly innerShape: readonly number[];
  readonly text?: "fixed" | "variable";
  /** Of integers that have padding beside their number. */
  readonly narrow?: NarrowBits;
  /** Each value is a sequence of these, of its own length. */
  readonly element?: Hdf5Type;
  /** The values are the addresses of others. */
  readonly isReference?: true;
  /** Opaque bytes that may stand for another type, which an attribute or their tag names. */
  readonly isOpaque?: true;
  /** Of opaque bytes: the tag that says what they are, empty where nothing does. */
  readonly tag?: string;
}

const maxTypeDepth = 16;
const maxInnerAxes = 32;

const integers = new Map([
  [1, "8"],
  [2, "16"],
  [4, "32"],
  [8, "64"],
]);

/** Reads a datatype message (File Format Specification IV.A.2.d). The fields stand behind it afterwards. */
export function readDatatype(fields: Hdf5Fields, depth = 0): Hdf5Type {
  if (depth > maxTypeDepth) throw damagedHdf5(fields.fileOffset, "a datatype is nested beyond reason");
  const head = fields.u8();
  const [version, kind] = [head >> 4, head & 0x0f];
  const bits = fields.unsigned(3);
  const itemBytes = fields.u32();
  const base = { itemBytes, bigEndian: (bits & 1) === 1, innerShape: [] };
  switch (kind) {
    case 0: {
      const [bitOffset, precision] = [fields.u16(), fields.u16()];
      const width = integers.get(itemBytes);
      const isWhole = bitOffset === 0 && precision === itemBytes * 8;
      const isSigned = (bits & 8) !== 0;
      const isSound = precision >= 1 && bitOffset + precision <= itemBytes * 8;
      if (width === undefined || !isSound) return { ...base, dtype: "integer" };
      const dtype = `${isSigned ? "I" : "U"}${width}`;
      return isWhole
        ? { ...base, dtype }
        : { ...base, dtype, narrow: { offset: bitOffset, precision, isSigned } };
    }
    case 1:
      return { ...base, dtype: floatType(fields, itemBytes) };
    case 3:
      return { ...base, bigEndian: false, dtype: `S${itemBytes}`, text: "fixed" };
    case 4:
      fields.skip(4);
      return { ...base, dtype: "bitfield" };
    case 5: {
      // The tag is padded to a multiple of eight bytes, which the low bits count.
      const tag = new TextDecoder().decode(fields.take(bits & 0xff)).replace(/\0.*$/s, "");
      return { ...base, bigEndian: false, dtype: "opaque", isOpaque: true, tag };
    }
    case 6:
      return compoundType(fields, version, bits & 0xffff, itemBytes, depth);
    case 7:
      return { ...base, bigEndian: false, dtype: "object", isReference: true };
    case 8:
      return enumType(fields, version, bits & 0xffff, depth);
    case 9: {
      const element = readDatatype(fields, depth + 1);
      const how = (bits & 0x0f) === 1 ? { text: "variable" as const } : { element };
      return { ...base, bigEndian: false, dtype: "object", ...how };
    }
    case 10:
      return arrayType(fields, version, itemBytes, depth);
    case 11: {
      // Pairs of floats that HDF5 2.0 knows as complex; of halves we have no dtype.
      const { dtype, bigEndian } = readDatatype(fields, depth + 1);
      return { ...base, bigEndian, dtype: complexTypes.get(dtype) ?? `complex ${dtype}` };
    }
    default:
      fields.skip(kind === 2 ? 2 : 0);
      return { ...base, dtype: kind === 2 ? "time" : `datatype ${kind}` };
  }
}

/** By the places of exponent and mantissa, since bfloat16 and the 8-bit floats have no number of their own. */
function floatType(fields: Hdf5Fields, itemBytes: number): string {
  const [, , exponentAt, exponentBits, , mantissaBits] = [
    fields.u16(),
    fields.u16(),
    fields.u8(),
    fields.u8(),
    fields.u8(),
    fields.u8(),
  ];
  const bias = fields.u32();
  const form = `${itemBytes}:${exponentAt}:${exponentBits}:${mantissaBits}:${bias}`;
  return floats.get(form) ?? `float${itemBytes * 8}`;
}

const floats = new Map([
  ["2:10:5:10:15", "F16"],
  ["2:7:8:7:127", "BF16"],
  ["4:23:8:23:127", "F32"],
  ["8:52:11:52:1023", "F64"],
  ["1:3:4:3:7", "F8_E4M3"],
  ["1:2:5:2:15", "F8_E5M2"],
]);

/** A complex number is written as a pair of floats, named `r` and `i` by h5py. */
function compoundType(
  fields: Hdf5Fields,
  version: number,
  count: number,
  itemBytes: number,
  depth: number,
): Hdf5Type {
  const members: { readonly name: string; readonly offset: number; readonly type: Hdf5Type }[] = [];
  for (let index = 0; index < count; index++) {
    const name = memberName(fields, version);
    const offset = version >= 3 ? fields.unsigned(widthOf(itemBytes)) : fields.u32();
    let axes: number[] = [];
    if (version === 1) {
      const rank = fields.u8();
      fields.skip(11);
      axes = [fields.u32(), fields.u32(), fields.u32(), fields.u32()].slice(0, rank);
    }
    const type = readDatatype(fields, depth + 1);
    members.push({ name, offset, type: { ...type, innerShape: [...axes, ...type.innerShape] } });
  }
  const [real, imaginary] = members;
  const part = real?.type;
  const complex = part === undefined ? undefined : complexTypes.get(part.dtype);
  const isPair =
    members.length === 2 &&
    imaginary?.type.dtype === part?.dtype &&
    imaginary?.type.bigEndian === part?.bigEndian &&
    real?.offset === 0 &&
    imaginary?.offset === part?.itemBytes &&
    itemBytes === 2 * (part?.itemBytes ?? 0) &&
    /^r(?:eal)?$/.test(real.name) &&
    /^i(?:mag)?$/.test(imaginary?.name ?? "");
  return complex !== undefined && isPair
    ? { dtype: complex, itemBytes, bigEndian: part?.bigEndian ?? false, innerShape: [] }
    : { dtype: "structured", itemBytes, bigEndian: false, innerShape: [] };
}

const complexTypes = new Map([
  ["F32", "C64"],
  ["F64", "C128"],
]);

/** Numbers with names; h5py writes booleans as the numbers 0 and 1, named FALSE and TRUE. */
function enumType(fields: Hdf5Fields, version: number, count: number, depth: number): Hdf5Type {
  const type = readDatatype(fields, depth + 1);
  const names: string[] = [];
  for (let index = 0; index < count; index++) names.push(memberName(fields, version));
  const values = [...fields.take(count * type.itemBytes)];
  const isBoolean = type.itemBytes === 1 && names.join() === "FALSE,TRUE" && values.join() === "0,1";
  return isBoolean ? { ...type, dtype: "BOOL" } : type;
}

function arrayType(fields: Hdf5Fields, version: number, itemBytes: number, depth: number): Hdf5Type {
  const rank = fields.u8();
  if (rank > maxInnerAxes) fields.fail(`a datatype of ${rank} axes stands`);
  if (version < 3) fields.skip(3);
  const axes = Array.from({ length: rank }, () => fields.u32());
  if (version < 3) fields.skip(4 * rank);
  const type = readDatatype(fields, depth + 1);
  const count = axes.reduce((product, size) => product * size, 1);
  if (count * type.itemBytes !== itemBytes && type.innerShape.length === 0)
    fields.fail("a datatype of an array has not the size of its values");
  return { ...type, innerShape: [...axes, ...type.innerShape] };
}

/** Ends with a zero; before version 3 it is padded with zeros to a multiple of eight. */
function memberName(fields: Hdf5Fields, version: number): string {
  const end = fields.bytes.indexOf(0, fields.at);
  if (end < 0) fields.fail("a name does not end");
  const length = end - fields.at;
  const name = new TextDecoder().decode(fields.take(length));
  fields.skip(version < 3 ? 8 - (length % 8) : 1);
  return name;
}

/** The fewest bytes that hold every offset in a compound. */
function widthOf(itemBytes: number): number {
  let width = 1;
  while (itemBytes >= 256 ** width) width++;
  return width;
}
