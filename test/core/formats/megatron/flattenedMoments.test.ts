import { expect, test } from "vitest";
import { FileRegion } from "../../../../src/core/bytes/byteRegion";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { unflattened } from "../../../../src/core/formats/megatron/flattenedMoments";
import { joinedTensor } from "../../../../src/core/tensors/joinedTensor";
import { readAssembly } from "../../../../src/core/tensors/readAssembly";

/** Values 0 to n of a 4 × 6 parameter, cut into slices by a grid; each slice is a row, which two ranks share unevenly. */
function rows(counts: readonly [number, number]) {
  const [down, right] = counts;
  const [height, width] = [4 / down, 6 / right];
  const values: number[] = [];
  const pieces = [];
  for (let r = 0; r < down; r++) {
    for (let c = 0; c < right; c++) {
      const start = values.length;
      for (let at = 0; at < height * width; at++)
        values.push((r * height + Math.floor(at / width)) * 6 + c * width + (at % width));
      for (const [first, end] of [
        [0, 5],
        [5, height * width],
      ] as const) {
        const place = { kind: "box" as const, offsets: [r, c, first], sizes: [1, 1, end - first] };
        pieces.push({ place, fileIndex: 0, region: new FileRegion(0, 24), start: start + first });
      }
    }
  }
  return { values, tensor: joinedTensor("m", "U8", [down, right, height * width], pieces) };
}

test.each([
  [1, 1],
  [2, 1],
  [1, 2],
  [2, 2],
] as const)("rows of a grid of %d by %d slices lie where the parameter has them", async (down, right) => {
  const { values, tensor } = rows([down, right]);
  const made = unflattened(tensor, [4, 6]);
  if (made?.assembly === undefined) throw new Error("It is none.");
  expect(made.shape).toEqual([4, 6]);
  const bytes = new MemoryByteSource(new Uint8Array(values));
  expect([...(await readAssembly(made, made.assembly, 0, 24, async () => bytes))]).toEqual([
    ...Array(24).keys(),
  ]);
  // A row that is no slice of the shape stays what it is.
  expect(unflattened(tensor, [4, 12])).toBeUndefined();
});
