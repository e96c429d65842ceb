import { masked, u32 } from "./checksums";
import { type Bytes, bytes, double, float, int, message, text } from "./protobuf";

/** `u64 length | u32 masked crc of it | data | u32 masked crc of the data`. */
export function record(data: Bytes): Bytes {
  const length = [...u32(data.length), 0, 0, 0, 0];
  return [...length, ...u32(masked(length)), ...data, ...u32(masked(data))];
}

export const version = record([...double(1, 1_700_000_000), ...text(3, "brain.Event:2")]);

export function event(step: number | bigint, wallTime: number, ...members: readonly Bytes[]): Bytes {
  const place = step === 0 ? [] : int(2, step);
  return record([...double(1, wallTime), ...place, ...members.flat()]);
}

export function summary(...values: readonly Bytes[]): Bytes {
  return message(5, ...values.map((value) => message(1, value)));
}

/** A v1 scalar. */
export function simple(tag: string, value: number): Bytes {
  return [...text(1, tag), ...float(2, value)];
}

/** A v2 scalar or text: `metadata` only on the first of a tag. */
export function tensor(tag: string, content: Bytes, metadata?: Bytes): Bytes {
  return [...text(1, tag), ...message(8, content), ...(metadata === undefined ? [] : message(9, metadata))];
}

export function plugin(name: string, content: Bytes = []): Bytes {
  return message(1, text(1, name), content.length === 0 ? [] : bytes(2, content));
}

export function scalarEvent(
  tag: string,
  step: number,
  value: number,
  wallTime = 1_700_000_000 + step,
): Bytes {
  return event(step, wallTime, summary(simple(tag, value)));
}

/** SessionLog { status(1) = START }. */
export const sessionStart = message(7, int(1, 1));

export function eventFile(...records: readonly Bytes[]): Uint8Array {
  return Uint8Array.from([version, ...records].flat());
}
