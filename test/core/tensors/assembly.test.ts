import { describe, expect, it } from "vitest";
import { FileRegion } from "../../../src/core/bytes/byteRegion";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import {
  assemble,
  type PiecePlace,
  type TensorPiece,
  unreadablePart,
} from "../../../src/core/tensors/assembly";
import { readAssembly } from "../../../src/core/tensors/readAssembly";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";

/** A generator of numbers below `bound` that gives the same in every run. */
function numbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % bound;
  };
}

/** Cuts each axis at random and gives every box of the grid, in a random order. */
function randomBoxes(shape: readonly number[], next: (bound: number) => number): PiecePlace[] {
  let boxes: { offsets: number[]; sizes: number[] }[] = [{ offsets: [], sizes: [] }];
  for (const size of shape) {
    const cuts = [...new Set([0, size, ...Array.from({ length: next(3) }, () => next(size + 1))])].sort(
      (a, b) => a - b,
    );
    boxes = boxes.flatMap(({ offsets, sizes }) =>
      cuts.slice(1).map((end, at) => ({
        offsets: [...offsets, cuts[at] as number],
        sizes: [...sizes, end - (cuts[at] as number)],
      })),
    );
  }
  return boxes
    .map((box) => ({ key: next(1000), place: { kind: "box" as const, ...box } }))
    .sort((a, b) => a.key - b.key)
    .map(({ place }) => place);
}

function randomRanges(total: number, next: (bound: number) => number): PiecePlace[] {
  const cuts = [...new Set([0, total, ...Array.from({ length: 3 }, () => next(total + 1))])].sort(
    (a, b) => a - b,
  );
  return cuts.slice(1).map((end, at) => ({
    kind: "flat" as const,
    first: cuts[at] as number,
    count: end - (cuts[at] as number),
  }));
}

/** Where an element of a piece is in the whole, the slow way. */
function* elementsOf(place: PiecePlace, shape: readonly number[]): Generator<number> {
  if (place.kind === "flat") {
    for (let at = 0; at < place.count; at++) yield place.first + at;
    return;
  }
  const count = elementCount(place.sizes);
  for (let element = 0; element < count; element++) {
    let rest = element;
    let flat = 0;
    let step = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = place.sizes[axis] as number;
      flat += ((place.offsets[axis] as number) + (rest % size)) * step;
      rest = Math.floor(rest / size);
      step *= shape[axis] as number;
    }
    yield flat;
  }
}

/** One file with the pieces one behind the other, 3 bytes apart. */
function written(shape: readonly number[], places: readonly PiecePlace[]) {
  const total = elementCount(shape);
  const whole = Uint16Array.from({ length: total }, (_, at) => at * 7 + 1);
  const bytes: number[] = [];
  const pieces = places.map((place): TensorPiece => {
    const start = bytes.length;
    for (const element of elementsOf(place, shape)) {
      const value = whole[element] as number;
      bytes.push(value & 255, value >> 8);
    }
    const region = new FileRegion(start, bytes.length - start);
    bytes.push(1, 2, 3);
    return { place, fileIndex: 0, region, start: 0 };
  });
  const tensor: Tensor = {
    name: "w",
    dtype: "U16",
    shape,
    byteSize: 2 * total,
    offset: 0,
    fileIndex: 0,
    assembly: assemble(shape, pieces),
  };
  const file = new MemoryByteSource(Uint8Array.from(bytes));
  const read = (offset: number, length: number) =>
    readAssembly(tensor, tensor.assembly as NonNullable<Tensor["assembly"]>, offset, length, (piece) =>
      piece.region.open(file),
    );
  return { tensor, expected: new Uint8Array(whole.buffer), read };
}

describe("a tensor made of pieces", () => {
  it("reads every range of random boxes and random flat ranges as the whole has it", async () => {
    const next = numbers(7);
    for (let round = 0; round < 200; round++) {
      const shape = Array.from({ length: next(5) }, () => 1 + next(6));
      const places = round % 2 === 0 ? randomBoxes(shape, next) : randomRanges(elementCount(shape), next);
      const { tensor, expected, read } = written(shape, places);
      expect(unreadablePart(tensor)).toBeUndefined();
      expect(await read(0, expected.length)).toEqual(expected);
      for (let range = 0; range < 5; range++) {
        const offset = next(expected.length);
        const length = next(expected.length - offset + 1);
        expect(await read(offset, length)).toEqual(expected.slice(offset, offset + length));
      }
    }
  });

  it("reads only the pieces that hold the range", async () => {
    const shape = [8, 4];
    const places = [0, 2, 4, 6].map((row) => ({ kind: "box" as const, offsets: [row, 0], sizes: [2, 4] }));
    const { tensor } = written(shape, places);
    const opened: number[] = [];
    const assembly = tensor.assembly as NonNullable<Tensor["assembly"]>;
    await readAssembly(tensor, assembly, 3 * 4 * 2, 2 * 4 * 2, async (piece) => {
      opened.push(assembly.pieces.indexOf(piece));
      return new MemoryByteSource(new Uint8Array(16));
    });
    expect(opened.sort()).toEqual([1, 2]);
  });

  it("tells which rows are missing and why, and still reads the others", async () => {
    const shape = [6, 2];
    const places = [0, 2, 4].map((row) => ({ kind: "box" as const, offsets: [row, 0], sizes: [2, 2] }));
    const { tensor, expected, read } = written(shape, places);
    const assembly = tensor.assembly as NonNullable<Tensor["assembly"]>;
    (assembly.pieces as TensorPiece[])[1] = {
      ...(assembly.pieces[1] as TensorPiece),
      absent: "__1_0.distcp is missing",
    };
    expect(unreadablePart(tensor)).toBe("rows 2 to 3: __1_0.distcp is missing.");
    expect(await read(0, 8)).toEqual(expected.slice(0, 8));
    expect(await read(16, 8)).toEqual(expected.slice(16));
    await expect(read(4, 8)).rejects.toThrow("rows 2 to 3: __1_0.distcp is missing.");
  });

  it("counts what no piece claims, and gives nothing of it", async () => {
    const { tensor, read } = written([4, 3], [{ kind: "box", offsets: [0, 0], sizes: [4, 2] }]);
    expect(unreadablePart(tensor)).toBe("4 elements that no piece holds.");
    await expect(read(0, 24)).rejects.toThrow("The pieces do not hold each of elements 0 to 11 once.");
  });

  it("refuses pieces that overlap or lie outside", () => {
    const box = (offsets: number[], sizes: number[]): TensorPiece => ({
      place: { kind: "box", offsets, sizes },
      fileIndex: 0,
      region: new FileRegion(0, 0),
      start: 0,
    });
    // As many elements as the tensor has, but not its elements.
    expect(assemble([4, 2], [box([0, 0], [2, 2]), box([1, 0], [2, 2])]).fault).toBe(
      "its pieces at rows 0 to 1 and rows 1 to 2 overlap",
    );
    expect(assemble([4, 2], [box([0, 0], [4, 2]), box([1, 0], [2, 2])]).fault).toContain("overlap");
    expect(assemble([4, 2], [box([3, 0], [2, 2])]).fault).toContain("outside");
    expect(assemble([4, 2], [box([0], [4])]).fault).toContain("outside");
  });

  it("leaves out pieces of no elements, as the last ranks of a short axis have", () => {
    const piece = (offsets: number[], sizes: number[]): TensorPiece => ({
      place: { kind: "box", offsets, sizes },
      fileIndex: 0,
      region: new FileRegion(0, 0),
      start: 0,
    });
    const assembly = assemble([1, 4], [piece([0, 0], [1, 4]), piece([1, 0], [0, 4])]);
    expect(assembly.pieces).toHaveLength(1);
    expect(assembly.fault).toBeUndefined();
  });

  it("notices at reading that more pieces than can be compared overlap", async () => {
    const places = Array.from({ length: 2100 }, (_, at) => ({
      kind: "flat" as const,
      first: at === 1500 ? 1499 : at,
      count: 1,
    }));
    const { tensor, read } = written([2100], places);
    expect(tensor.assembly?.isUnchecked).toBe(true);
    expect((await read(0, 200)).length).toBe(200);
    await expect(read(0, 4200)).rejects.toThrow("do not hold each of elements 0 to 2099 once");
  });
});
