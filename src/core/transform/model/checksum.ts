/** A running sum over bytes (Adler-32, RFC 1950) that tells whether what was read back is what was written. */
export class Checksum {
  private low = 1;
  private high = 0;
  private count = 0;

  add(bytes: Uint8Array): void {
    let { low, high } = this;
    for (let at = 0; at < bytes.length; ) {
      // As many as cannot overflow 32 bits.
      const end = Math.min(bytes.length, at + 3800);
      for (; at < end; at++) {
        low += bytes[at] as number;
        high += low;
      }
      low %= 65_521;
      high %= 65_521;
    }
    this.low = low;
    this.high = high;
    this.count += bytes.length;
  }

  /** Differs where the bytes or their number do. */
  get value(): string {
    return `${this.count}:${this.high.toString(16)}:${this.low.toString(16)}`;
  }
}
