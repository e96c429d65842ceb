import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { inNameOrder } from "../../../src/core/tensors/nameOrder";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { encodeTensorChunk, TensorTable } from "../../../src/core/tensors/tensorTable";
import { decodeFromWebview, encodeForWebview } from "../../../src/protocol/webviewWire";
import { throughVsCode, wireSize } from "../../support/browser/vscodeMessage";
import { deepSeek } from "../../support/made/largeModels";
import { tableOf, tensor } from "./tensors";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

function contentOf(table: TensorTable): Tensor[] {
  return Array.from({ length: table.length }, (_, row) => ({
    name: table.name(row),
    dtype: table.dtype(row),
    shape: table.shape(row),
    byteSize: table.byteSize(row),
    offset: table.offset(row),
    fileIndex: table.fileIndex(row),
  }));
}

function viaWebview<T>(message: T): T {
  return decodeFromWebview(throughVsCode(encodeForWebview(message))) as T;
}

const anyTensor: fc.Arbitrary<Tensor> = fc.record({
  name: fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.constantFrom("", "__proto__"),
  ),
  dtype: fc.oneof(fc.constantFrom("F32", "BF16", "F4"), fc.string({ maxLength: 5 })),
  shape: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }),
  byteSize: fc.nat(),
  offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  fileIndex: fc.nat({ max: 19_999 }),
});

describe("TensorTable", () => {
  it("gives back what was packed, also after the way to a webview", () => {
    fc.assert(
      fc.property(fc.array(anyTensor, { maxLength: 40 }), (tensors) => {
        expect(contentOf(tableOf(tensors))).toEqual(tensors);
        const table = new TensorTable();
        table.append(viaWebview(encodeTensorChunk(tensors, 0)));
        expect(contentOf(table)).toEqual(tensors);
      }),
    );
  });

  it("packs what tensors share once", () => {
    const tensors = ["model.layers.0.w", "model.layers.1.w", "model.norm"].map((name) => tensor(name));
    const chunk = encodeTensorChunk(tensors, 0);
    expect(chunk.suffixes).toBe("model.layers.0.w1.wnorm");
    expect([...chunk.prefixLengths]).toEqual([0, 13, 6]);
    expect(chunk.signatures).toEqual([{ dtype: "F32", shape: [2, 3], byteSize: 24 }]);
    expect([...chunk.signatureOf]).toEqual([0, 0, 0]);
  });

  it("takes tensors for alike only where dtype, shape and size are", () => {
    const variants = [
      tensor("a"),
      tensor("b", { dtype: "I32" }),
      tensor("c", { shape: [3, 2] }),
      tensor("d", { shape: [2, 3, 1] }),
      tensor("e", { byteSize: 25 }),
      tensor("f", { dtype: "F32|2,3", shape: [] }),
      tensor("g", { dtype: "F32|2", shape: [3] }),
    ];
    expect(encodeTensorChunk(variants, 0).signatures).toHaveLength(variants.length);
    expect(contentOf(tableOf(variants))).toEqual(variants);
  });

  it("counts the parameters that a tensor stands for, beside the elements that are stored", () => {
    // 4-bit codes, two in a byte, their scales, and a plain tensor of the same layout as the codes.
    const tensors = [tensor("w_blocks"), tensor("w_scales", { shape: [2] }), tensor("x")];
    const table = new TensorTable();
    table.append(viaWebview(encodeTensorChunk(tensors, 0, Float64Array.of(12, 0, 6))));
    expect([0, 1, 2].map((row) => [table.elements(row), table.parameters(row)])).toEqual([
      [6, 12],
      [2, 0],
      [6, 6],
    ]);
  });

  it("cuts names at 2000 characters", () => {
    const long = "x".repeat(1999);
    const tensors = [
      tensor(`${long}y`),
      tensor(`${long}yz`),
      tensor(`${long}yz.weight`),
      tensor(`${long}😀`),
    ];
    const table = tableOf(tensors);
    expect(contentOf(table).map(({ name }) => name)).toEqual(tensors.map(({ name }) => name.slice(0, 2000)));
  });

  it("keeps the halves of characters together that a prefix cuts apart", () => {
    // 😀 and 😁 share their first half.
    const tensors = ["a😀", "a😁", "a😁b"].map((name) => tensor(name));
    const table = new TensorTable();
    table.append(viaWebview(encodeTensorChunk(tensors, 0)));
    expect(contentOf(table)).toEqual(tensors);
  });

  it("fills in order, chunk by chunk, and knows how many rows will come", () => {
    const tensors = Array.from({ length: 20_000 }, (_, index) => tensor(`t.${index}`, { offset: index }));
    const table = new TensorTable();
    const firsts: number[] = [];
    while (table.length < 20_000) {
      firsts.push(table.length);
      table.append(encodeTensorChunk(tensors, table.length));
      expect(table.total).toBe(20_000);
    }
    expect(firsts).toEqual([0, 8192, 16_384]);
    expect(table.name(19_999)).toBe("t.19999");
    expect(table.offset(8192)).toBe(8192);
    expect(() => table.append(encodeTensorChunk(tensors, 8192))).toThrow(RangeError);
  });

  it("says with its first rows by which separator all of them are ordered", () => {
    const dots = Array.from({ length: 9000 }, (_, index) => tensor(`a.${index}`));
    const slashes = Array.from({ length: 9001 }, (_, index) => tensor(`b/${index}`));
    const tensors = inNameOrder([...dots, ...slashes]);
    const table = new TensorTable();
    table.append(viaWebview(encodeTensorChunk(tensors, 0)));
    expect([table.name(0), table.name(8191), table.separator]).toEqual(["a.0", "a.8191", "/"]);
    expect(tableOf(inNameOrder([...dots, ...slashes.slice(2)])).separator).toBe(".");
  });

  it("has no rows beyond its end", () => {
    const table = tableOf([tensor("a")]);
    for (const row of [-1, 1, 0.5, Number.NaN]) expect(() => table.name(row)).toThrow(RangeError);
    expect(() => table.dtype(1)).toThrow(RangeError);
    expect(encodeTensorChunk([], 0)).toMatchObject({ first: 0, total: 0, suffixes: "" });
    expect(encodeTensorChunk([tensor("a")], 1)).toMatchObject({ first: 1, total: 1, suffixes: "" });
  });

  it("counts parameters, and none for a shape that cannot be", () => {
    const shapes = [
      [],
      [0],
      [4, 5],
      [2 ** 40, 2 ** 40],
      [2 ** 63, 0],
      Array.from({ length: 200 }, () => 2 ** 60),
    ];
    const table = tableOf(shapes.map((shape, index) => tensor(`${index}`, { shape })));
    expect(shapes.map((_, row) => table.parameters(row))).toEqual([1, 0, 20, 0, 0, 0]);
  });

  it("crosses to a webview below 1 MB a message: 89,088 tensors", () => {
    const tensors = inNameOrder(
      deepSeek().flatMap((shard, fileIndex) =>
        shard.tensors.map(({ name, dtype, shape }, index) =>
          tensor(name, {
            dtype,
            shape,
            byteSize: 14_680_064,
            offset: 65_000 + index * 14_680_064,
            fileIndex,
          }),
        ),
      ),
    );
    const table = new TensorTable();
    const sizes: number[] = [];
    while (table.length < tensors.length) {
      const message = encodeForWebview(encodeTensorChunk(tensors, table.length));
      sizes.push(wireSize(message));
      table.append(decodeFromWebview(throughVsCode(message)) as ReturnType<typeof encodeTensorChunk>);
    }
    expect(sizes).toHaveLength(11);
    expect(Math.max(...sizes)).toBeLessThan(500_000);
    expect(contentOf(table)).toEqual(tensors);
  });

  it.each([
    ["long names", (index: number) => tensor(`${index}`.padStart(7, "0").padEnd(5000, "x"))],
    [
      "a signature each",
      (index: number) => tensor(`${index}`, { shape: Array.from({ length: 256 }, () => index) }),
    ],
    ["a dtype each", (index: number) => tensor(`${index}`, { dtype: `${index}`.padEnd(64, "D") })],
  ])("crosses below 1 MB a message also with %s", (_what, make) => {
    const tensors = Array.from({ length: 9000 }, (_, index) => make(index));
    const table = new TensorTable();
    while (table.length < tensors.length) {
      const chunk = encodeTensorChunk(tensors, table.length);
      expect(wireSize(encodeForWebview(chunk))).toBeLessThan(1_000_000);
      expect(chunk.offsets.length).toBeGreaterThan(0);
      table.append(chunk);
    }
    const last = tensors.at(-1);
    expect(contentOf(table).at(-1)).toEqual({ ...last, name: last?.name.slice(0, 2000) });
  });
});
