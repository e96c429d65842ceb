import { expect, test } from "vitest";
import { readAhead } from "../../../src/core/bytes/readAhead";

test("pieces come in order, each asked for before the one ahead of it is worked on, and none after a failure", async () => {
  const asked: number[] = [];
  const read = async (first: number) => {
    asked.push(first);
    if (first === 6) throw new Error("gone");
    return Uint8Array.of(first * 10);
  };
  const seen: (readonly [number, number | undefined, number])[] = [];
  const all = async () => {
    for await (const [first, [piece]] of readAhead(20, 3, read)) seen.push([first, piece, asked.length]);
  };
  await expect(all()).rejects.toThrow("gone");
  expect(seen).toEqual([
    [0, 0, 2],
    [3, 30, 3],
  ]);
  expect(asked).toEqual([0, 3, 6]);
  for await (const _ of readAhead(0, 3, read)) expect.unreachable();
});

test("memory is used again when the piece after the next is asked for, and not before", async () => {
  const read = async (first: number, spare: Uint8Array | undefined) => {
    const piece = spare ?? new Uint8Array(1);
    piece[0] = first;
    return piece;
  };
  const seen: Uint8Array[] = [];
  for await (const [first, piece] of readAhead(9, 1, read)) {
    seen.push(piece);
    expect(seen.slice(-2).map(([value]) => value)).toEqual([first - 1, first].slice(-seen.length));
  }
  expect(new Set(seen).size).toBe(3);
});
