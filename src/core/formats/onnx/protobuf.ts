import type { ByteCursor } from "../../bytes/byteCursor";
import { CheckpointError } from "../../problem/checkpointError";

/** One field of a message: where its value lies, or the value where it is a number. */
export interface ProtobufField {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes (protobuf encoding, "message structure"). */
  readonly wireType: number;
  /** First byte of the value. */
  readonly start: number;
  /** First byte behind it. */
  readonly end: number;
  /** The number itself, of wire type 0. */
  readonly value: bigint;
}

const longestVarint = 10;

/**
 * Walks the fields of a message between two offsets, without reading the values of counted ones. The cursor stands
 * behind the field when the next is asked for, wherever the caller moved it.
 * @throws CheckpointError `DamagedProtobuf` with the offset where the bytes are no message.
 */
export async function* fieldsOf(
  cursor: ByteCursor,
  start: number,
  end: number,
): AsyncGenerator<ProtobufField> {
  for (let at = start; at < end; ) {
    cursor.at = at;
    const key = Number(await varint(cursor, end));
    const [number, wireType] = [Math.floor(key / 8), key % 8];
    let valueStart = cursor.at;
    let value = 0n;
    let valueEnd: number;
    if (wireType === 0) {
      value = await varint(cursor, end);
      valueEnd = cursor.at;
    } else if (wireType === 2) {
      const length = await varint(cursor, end);
      valueStart = cursor.at;
      valueEnd = valueStart + Number(length);
    } else if (wireType === 1 || wireType === 5) valueEnd = valueStart + (wireType === 1 ? 8 : 4);
    else throw damaged(at, `a field of wire type ${wireType}, which does not exist`);
    if (number === 0) throw damaged(at, "a field without a number");
    if (valueEnd > end) throw damaged(at, `a field that should end at byte ${valueEnd}, beyond byte ${end}`);
    yield { number, wireType, start: valueStart, end: valueEnd, value };
    at = valueEnd;
  }
}

async function varint(cursor: ByteCursor, end: number): Promise<bigint> {
  const { at } = cursor;
  const bytes = await cursor.peek(Math.min(longestVarint, end - at));
  let value = 0n;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) {
      cursor.at = at + index + 1;
      return BigInt.asUintN(64, value);
    }
  }
  throw damaged(at, "a number that does not end");
}

/** One field of a message in memory: its number, or the bytes of a counted value. */
export interface MemoryField {
  readonly number: number;
  /** Of wire type 0; 0 otherwise. Exact up to 2^53, and negative where it was written so. */
  readonly value: number;
  readonly bytes: Uint8Array;
}

/**
 * The fields of a message that is in memory.
 * @throws CheckpointError `DamagedProtobuf` with the offset in it.
 */
export function* fieldsIn(message: Uint8Array): Generator<MemoryField> {
  let at = 0;
  const next = (): number => {
    const start = at;
    let value = 0;
    for (let factor = 1; at < message.length && at - start < longestVarint; factor *= 128) {
      const byte = message[at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte >= 0x80) continue;
      if (at - start < longestVarint) return value;
      return Number(BigInt.asIntN(64, packedVarints(message.subarray(start, at))[0] ?? 0n));
    }
    throw damaged(start, "a number that does not end");
  };
  while (at < message.length) {
    const start = at;
    const key = next();
    const [number, wireType] = [Math.floor(key / 8), key % 8];
    if (![0, 1, 2, 5].includes(wireType) || number === 0)
      throw damaged(start, `a field ${number} of wire type ${wireType}, which does not exist`);
    const value = wireType === 0 ? next() : 0;
    const length = wireType === 2 ? next() : wireType === 1 ? 8 : wireType === 5 ? 4 : 0;
    if (at + length > message.length) throw damaged(start, "a field that runs over the end of its message");
    yield { number, value, bytes: message.subarray(at, at + length) };
    at += length;
  }
}

/** The numbers of a packed field that was read. */
export function packedVarints(bytes: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    values.push(BigInt.asUintN(64, value));
    value = 0n;
    shift = 0n;
  }
  return values;
}

export function damaged(offset: number, what: string): CheckpointError {
  return new CheckpointError(
    "DamagedProtobuf",
    `At byte ${offset} stands ${what}. The file is damaged or cut.`,
    offset,
  );
}
