/** Numbers that repeat from run to run, so that a failure can be looked into (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/** Values that readers of sizes and offsets trip over. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0xfe];
const wideEdges = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffe, 0x0001_0000];
const opcodes = [..."(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uGBC"].map((letter) => letter.charCodeAt(0));
const laterOpcodes = Array.from({ length: 0x19 }, (_, at) => 0x80 + at);

/** A damaged copy: bits, bytes, numbers, opcodes, pieces of it or of another file moved, doubled or lost. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes.slice();
  const changes = 1 + random.below(random.below(4) === 0 ? 24 : 3);
  for (let change = 0; change < changes && result.length > 0; change++) {
    const at = random.below(result.length);
    switch (random.below(10)) {
      case 0:
        result[at] = (result[at] as number) ^ (1 << random.below(8));
        break;
      case 1:
        result[at] = random.of(edges);
        break;
      case 2:
        result[at] = random.below(256);
        break;
      case 3:
        result[at] = random.of(random.below(2) === 0 ? opcodes : laterOpcodes);
        break;
      case 4:
        if (at + 4 <= result.length) new DataView(result.buffer).setUint32(at, random.of(wideEdges), true);
        break;
      case 5:
        result = splice(result, at, 1 + random.below(16), new Uint8Array());
        break;
      case 6:
        result = splice(result, at, 0, result.slice(at, at + 1 + random.below(64)));
        break;
      case 7: {
        const from = random.below(other.length);
        result = splice(result, at, random.below(2) * 8, other.slice(from, from + 1 + random.below(64)));
        break;
      }
      case 8:
        result = splice(result, at, 0, Uint8Array.of(random.of(opcodes), random.of(laterOpcodes)));
        break;
      default:
        if (random.below(4) === 0) result = result.slice(0, at);
    }
  }
  return result;
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const end = Math.min(bytes.length, at + remove);
  const result = new Uint8Array(at + insert.length + bytes.length - end);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(bytes.subarray(end), at + insert.length);
  return result;
}
