/** Odd, so that multiplying by it loses nothing: a word that differs makes another sum, whatever follows. */
const prime = 0x9e3779b1;
/** As many as a processor multiplies at the same time. */
const lanes = 4;
const laneBytes = 4 * lanes;
/** Of one call: V8 makes a longer loop fast before it has seen what is behind it, and undoes that at the end of each. */
const wordsAtOnce = 1024;

/**
 * A running sum over bytes that tells whether what was read back is what was written: four multiplicative hashes side by
 * side, each of every fourth word of 32 bits. Made for speed; it is no protection against anybody.
 */
export class Checksum {
  private readonly sums = Uint32Array.from({ length: lanes }, (_, lane) => lane);
  private count = 0;
  /** What did not fill the lanes yet. */
  private readonly rest = new Uint8Array(laneBytes);
  private resting = 0;

  add(bytes: Uint8Array): void {
    this.count += bytes.length;
    let at = 0;
    if (this.resting > 0) {
      at = Math.min(laneBytes - this.resting, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.resting);
      this.resting += at;
      if (this.resting < laneBytes) return;
      this.addWords(new Uint32Array(this.rest.buffer));
    }
    const whole = at + Math.floor((bytes.length - at) / laneBytes) * laneBytes;
    const start = bytes.byteOffset + at;
    // Words must lie on multiples of four; bytes that do not are moved there.
    const aligned = start % 4 === 0 ? bytes.buffer : bytes.slice(at, whole).buffer;
    this.addWords(new Uint32Array(aligned, start % 4 === 0 ? start : 0, (whole - at) / 4));
    this.rest.set(bytes.subarray(whole));
    this.resting = bytes.length - whole;
  }

  private addWords(words: Uint32Array): void {
    for (let from = 0; from < words.length; from += wordsAtOnce)
      this.addSome(words, from, Math.min(from + wordsAtOnce, words.length));
  }

  private addSome(words: Uint32Array, from: number, to: number): void {
    const { sums } = this;
    let a = sums[0] as number;
    let b = sums[1] as number;
    let c = sums[2] as number;
    let d = sums[3] as number;
    for (let at = from; at < to; at += lanes) {
      a = Math.imul(a ^ (words[at] as number), prime);
      b = Math.imul(b ^ (words[at + 1] as number), prime);
      c = Math.imul(c ^ (words[at + 2] as number), prime);
      d = Math.imul(d ^ (words[at + 3] as number), prime);
      a ^= a >>> 15;
      b ^= b >>> 15;
      c ^= c >>> 15;
      d ^= d >>> 15;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
  }

  /** Differs where the bytes or their number do. */
  get value(): string {
    const rest = this.rest.subarray(0, this.resting);
    return [this.count, ...this.sums, ...rest].join(":");
  }
}
