import { JsonSyntaxError } from "../../json/jsonScanner";
import { isJsonArray, isJsonObject, type JsonValue, jsonNumber, parseJson } from "../../json/parseJson";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type CodeRuns, type PackedWeight, rowsOf, type Sibling } from "./packedWeight";
import { rowScaled } from "./rowScaled";

const f32 = Math.fround;

/** The state is a short JSON text; anything longer is none. */
const maxStateBytes = 4096;

/**
 * NF4 and FP4 of bitsandbytes (functional.py, `QuantState`): two codes in a byte, the first in the high half, a scale
 * for each block of the row-major order. With double quantisation the scales are 8-bit codes themselves.
 */
export async function bitsandbytes4(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const kind = (["nf4", "fp4"] as const).find((each) => sibling(stateEnding(each)) !== undefined);
  const state = kind === undefined ? undefined : sibling(stateEnding(kind));
  const [map, absmax] = [sibling(".quant_map"), sibling(".absmax")];
  if (kind === undefined || state === undefined || map === undefined || absmax === undefined)
    return undefined;
  if (state.byteSize > maxStateBytes) return undefined;
  const stated = parseState(await read(state, 0, state.byteSize));
  if (stated === undefined) return undefined;
  const { shape, blockSize, nested } = stated;
  const count = elementCount(shape);
  const [nestedMap, nestedAbsmax] = [sibling(".nested_quant_map"), sibling(".nested_absmax")];
  const isNested = nestedMap !== undefined && nestedAbsmax !== undefined && nested !== undefined;
  const fits =
    Math.ceil(count / 2) === codes.byteSize &&
    elementCount(map.shape) === 16 &&
    elementCount(absmax.shape) === Math.ceil(count / blockSize) &&
    (absmax.dtype === "U8") === isNested &&
    (!isNested ||
      elementCount(nestedAbsmax.shape) === Math.ceil(elementCount(absmax.shape) / nested.blockSize));
  if (!fits) return undefined;
  const scalesOf = async (
    first: number,
    blocks: number,
    readScales: ReadTensorRange,
    signal?: AbortSignal,
  ): Promise<Float64Array> => {
    const stored = await readValues(absmax, first, blocks, readScales, signal);
    if (!isNested) return stored;
    const firstOuter = Math.floor(first / nested.blockSize);
    const outers = Math.ceil((first + blocks) / nested.blockSize) - firstOuter;
    const [levels, outer] = await Promise.all([
      readAllValues(nestedMap, readScales, signal),
      readValues(nestedAbsmax, firstOuter, outers, readScales, signal),
    ]);
    return stored.map((code, index) => {
      const scale = outer[Math.floor((first + index) / nested.blockSize) - firstOuter] as number;
      return f32(f32((levels[code] as number) * scale) + nested.offset);
    });
  };
  const double = isNested ? ", scales quantised too" : "";
  return nibbleBlocks({
    name,
    scheme: `${kind.toUpperCase()}, blocks of ${blockSize}${double}`,
    shape,
    stored: [codes, absmax, map, state, ...(isNested ? [nestedAbsmax, nestedMap] : [])],
    blockSize,
    levels: (readMap, signal) => readAllValues(map, readMap, signal),
    scales: scalesOf,
    ...(absmax.dtype === "F32" && isPlain(absmax) ? { plainScales: absmax } : {}),
  });
}

interface NibbleBlocks extends Pick<PackedWeight, "name" | "scheme" | "shape" | "stored"> {
  readonly blockSize: number;
  levels(read: ReadTensorRange, signal?: AbortSignal): Promise<Float64Array>;
  scales(first: number, count: number, read: ReadTensorRange, signal?: AbortSignal): Promise<Float64Array>;
  readonly plainScales?: Tensor;
}

/** Two codes in a byte, the first in the high half, a scale for each block of the row-major order. */
export function nibbleBlocks({
  blockSize,
  levels: levelsOf,
  scales: scalesOf,
  plainScales,
  ...weight
}: NibbleBlocks): PackedWeight {
  const { shape, stored } = weight;
  const codes = stored[0] as Tensor;
  const { columns } = rowsOf(shape);
  const isInRuns = blockSize % 64 === 0 && columns % 64 === 0;
  const runs: CodeRuns = {
    size: blockSize,
    levels: levelsOf,
    scales: scalesOf,
    ...(plainScales === undefined ? {} : { plainScales }),
  };
  return {
    ...weight,
    ...(isInRuns ? { runs } : {}),
    async readRows(firstRow, rows, readStored, signal) {
      const [first, values] = [firstRow * columns, new Float32Array(rows * columns)];
      if (values.length === 0) return values;
      const firstByte = first >>> 1;
      const firstBlock = Math.floor(first / blockSize);
      const blocks = Math.ceil((first + values.length) / blockSize) - firstBlock;
      const [bytes, levels, scales] = await Promise.all([
        readStored(codes, firstByte, Math.ceil((first + values.length) / 2) - firstByte, signal),
        levelsOf(readStored, signal),
        scalesOf(firstBlock, blocks, readStored, signal),
      ]);
      const ofBlock = new Float32Array(16);
      for (let block = 0; block < blocks; block++) {
        for (let code = 0; code < 16; code++)
          ofBlock[code] = (levels[code] as number) * (scales[block] as number);
        // Counted from the first byte that was read: small numbers, whatever the weight's size.
        const odd = first - 2 * firstByte;
        const from = Math.max(first, (firstBlock + block) * blockSize) - first + odd;
        const end = Math.min(first + values.length, (firstBlock + block + 1) * blockSize) - first + odd;
        for (let at = from; at < end; at++) {
          const byte = bytes[at >>> 1] as number;
          values[at - odd] = ofBlock[(at & 1) === 0 ? byte >>> 4 : byte & 15] as number;
        }
      }
      return values;
    },
  };
}

function isPlain({ layout, assembly }: Tensor): boolean {
  return layout === undefined && assembly === undefined;
}

const stateEnding = (kind: "nf4" | "fp4") => `.quant_state.bitsandbytes__${kind}`;

interface QuantState {
  readonly shape: readonly number[];
  readonly blockSize: number;
  readonly nested?: { readonly blockSize: number; readonly offset: number };
}

function parseState(bytes: Uint8Array): QuantState | undefined {
  let value: JsonValue;
  try {
    ({ value } = parseJson(new TextDecoder().decode(bytes)));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
  if (!isJsonObject(value)) return undefined;
  const axes = value.get("shape");
  const shape = isJsonArray(axes) ? axes.map((axis) => jsonNumber(axis) ?? Number.NaN) : [];
  const blockSize = positive(value.get("blocksize"));
  const isShape = shape.length > 0 && shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
  if (!isShape || blockSize === undefined || !Number.isSafeInteger(elementCount(shape))) return undefined;
  const nestedSize = positive(value.get("nested_blocksize"));
  const offset = jsonNumber(value.get("nested_offset"));
  const isNested = nestedSize !== undefined && offset !== undefined;
  return {
    shape,
    blockSize,
    ...(isNested ? { nested: { blockSize: nestedSize, offset: f32(offset) } } : {}),
  };
}

function positive(value: JsonValue | undefined): number | undefined {
  const number = jsonNumber(value);
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** LLM.int8() of bitsandbytes: a row's codes are multiples of its largest magnitude over 127. */
export function bitsandbytes8(name: string, codes: Tensor, sibling: Sibling): PackedWeight | undefined {
  const scales = sibling(".SCB");
  if (scales === undefined || codes.shape.length !== 2 || elementCount(scales.shape) !== codes.shape[0])
    return undefined;
  const others = [sibling(".weight_format")].filter((each) => each !== undefined);
  return rowScaled({
    name,
    scheme: "LLM.int8(), a scale a row",
    shape: codes.shape,
    codes,
    scales: { tensor: scales },
    block: [1, Math.max(1, codes.shape[1] as number)],
    combining: "over-127",
    others,
  });
}
