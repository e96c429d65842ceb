/** A picture that a page drew, on its way to a file. */
export interface Picture {
  /** Of a PNG file, less than a megabyte: it crosses as one message. */
  readonly bytes: Uint8Array;
  /** What it shows, in words; the proposed file name is made of it. */
  readonly name: string;
}
