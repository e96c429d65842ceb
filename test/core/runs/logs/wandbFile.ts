import { plainCrc32, u32 } from "./checksums";
import { type Bytes, int, message, text } from "./protobuf";

const header = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00];
const blockBytes = 32768;

/** Records in LevelDB's framing, with zip's checksum over type and data. */
export function wandbFile(...records: readonly Bytes[]): Uint8Array {
  const file: number[] = [...header];
  for (const data of records) {
    let done = 0;
    let begun = false;
    do {
      let room = blockBytes - (file.length % blockBytes);
      if (room < 7) {
        for (; room > 0; room--) file.push(0);
        room = blockBytes;
      }
      const part = data.slice(done, done + room - 7);
      done += part.length;
      const type = begun ? (done < data.length ? 3 : 4) : done < data.length ? 2 : 1;
      begun = true;
      file.push(...u32(plainCrc32([type, ...part])), part.length & 0xff, part.length >>> 8, type);
      for (const byte of part) file.push(byte);
    } while (done < data.length);
  }
  return Uint8Array.from(file);
}

export function item(name: string, json: string): Bytes {
  return [...text(1, name), ...text(16, json)];
}

export function nestedItem(names: readonly string[], json: string): Bytes {
  return [...names.flatMap((name) => text(2, name)), ...text(16, json)];
}

export function history(items: Readonly<Record<string, unknown>>, step?: number): Bytes {
  const members = Object.entries(items).map(([name, value]) => message(1, item(name, JSON.stringify(value))));
  return message(2, ...members, step === undefined ? [] : message(2, int(1, step)));
}

export function config(items: Readonly<Record<string, unknown>>): Bytes {
  return message(
    5,
    ...Object.entries(items).map(([name, value]) => message(1, item(name, JSON.stringify(value)))),
  );
}

export function summaryRecord(items: Readonly<Record<string, unknown>>): Bytes {
  return message(
    3,
    ...Object.entries(items).map(([name, value]) => message(1, item(name, JSON.stringify(value)))),
  );
}

export const exit = (code: number) => message(18, int(1, code));
