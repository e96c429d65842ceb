import { latin1Text } from "../pickle/pickleText";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function isNpy(head: Uint8Array): boolean {
  return magic.every((byte, at) => head[at] === byte);
}

/**
 * Where the pickle begins that an array of objects is written as (NEP 1: magic, version, length, a literal dict,
 * data). Undefined for arrays of numbers, which hold none.
 */
export function objectArrayStart(head: Uint8Array): number | undefined {
  if (!isNpy(head) || head.length < 12) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [lengthBytes, length] = head[6] === 1 ? [2, view.getUint16(8, true)] : [4, view.getUint32(8, true)];
  const start = 8 + lengthBytes;
  const header = latin1Text(head.subarray(start, Math.min(head.length, start + length)));
  return /'descr':\s*(?:'[|<>=]?O\d*'|\[.*?'[|<>=]?O\d*')/.test(header) ? start + length : undefined;
}
