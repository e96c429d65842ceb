import { describe, expect, test } from "vitest";
import { unpackBzip2 } from "../../../src/core/bytes/bzip2";
import { CheckpointError } from "../../../src/core/problem/checkpointError";

const packed = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const repeated = (...runs: readonly (readonly [string, number])[]) =>
  new Uint8Array(Buffer.from(runs.map(([letter, count]) => letter.repeat(count)).join("")));

/** By Python's bz2. */
const runs = packed("QlpoMTFBWSZTWUN8FrsAAANBAeAAPgAAgAAIIAAhtQm01CDJiHrh5pEgzWPjJZEuv4u5IpwoSCG+C12A");
const squares = packed("QlpoMTFBWSZTWTtB3JoAABVAAHQAIAAwzTQTVJ6nSWJeJcS0SxL4u5IpwoSB2g7k0A==");
const nothing = packed("QlpoORdyRThQkAAAAAA=");
const ofRuns = repeated(["a", 1000], ["b", 255], ["c", 4], ["d", 5], ["e", 259]);
const ofSquares = Uint8Array.from({ length: 300 }, (_, at) => (at * at) % 7);

describe("what bzip2 packed", () => {
  test.each([
    ["runs of a byte", runs, ofRuns],
    ["few bytes in turn", squares, ofSquares],
    ["nothing", nothing, new Uint8Array()],
    ["two streams", Uint8Array.from([...squares, ...runs]), Uint8Array.from([...ofSquares, ...ofRuns])],
  ])("%s", (_, bytes, wanted) => {
    expect(unpackBzip2(bytes, 10_000)).toEqual(wanted);
  });

  test("is refused where it is cut, changed or more than was asked for", () => {
    for (let length = 0; length < runs.length; length++)
      expect(() => unpackBzip2(runs.subarray(0, length), 10_000), `${length}`).toThrow(CheckpointError);
    // The last four bytes are a checksum of all blocks, each of which has its own.
    for (let bit = 0; bit < (squares.length - 5) * 8; bit++) {
      const changed = squares.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      try {
        expect(unpackBzip2(changed, 10_000), `${bit}`).toEqual(ofSquares);
      } catch (error) {
        expect(error, `${bit}`).toBeInstanceOf(CheckpointError);
      }
    }
    expect(() => unpackBzip2(runs, 1000)).toThrow("more than 1000 bytes");
  });
});
