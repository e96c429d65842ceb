const stateLength = 624;
const middle = 397;

/** The 32-bit Mersenne Twister, which torch's generator of the CPU is (ATen/core/MT19937RNGEngine.h). */
export class MersenneTwister {
  private readonly state = new Uint32Array(stateLength);
  private next = stateLength;

  constructor(seed: number) {
    this.state[0] = seed >>> 0;
    for (let at = 1; at < stateLength; at++) {
      const before = this.state[at - 1] as number;
      this.state[at] = Math.imul(1812433253, before ^ (before >>> 30)) + at;
    }
  }

  /** From 0 up to 2³² − 1. */
  random(): number {
    if (this.next === stateLength) this.twist();
    let value = this.state[this.next++] as number;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let at = 0; at < stateLength; at++) {
      const upper = (state[at] as number) & 0x80000000;
      const mixed = upper | ((state[(at + 1) % stateLength] as number) & 0x7fffffff);
      const odd = (mixed & 1) === 0 ? 0 : 0x9908b0df;
      state[at] = (state[(at + middle) % stateLength] as number) ^ (mixed >>> 1) ^ odd;
    }
    this.next = 0;
  }
}

/** From this many on torch draws 64 bits for each. */
export const maxPermuted = Math.floor(0xffffffff / 20);

/**
 * The first `count` numbers of `torch.randperm(length)` on the CPU, without the others.
 * @param length below `maxPermuted`
 */
export function startOfPermutation(seed: number, length: number, count: number): readonly number[] {
  const generator = new MersenneTwister(seed);
  const moved = new Map<number, number>();
  return Array.from({ length: Math.min(count, length) }, (_, at) => {
    const drawn = at < length - 1 ? at + (generator.random() % (length - at)) : at;
    const result = moved.get(drawn) ?? drawn;
    moved.set(drawn, moved.get(at) ?? at);
    return result;
  });
}
