import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WireFormatError, WireReader } from "../../../../src/core/runs/logs/wireReader";
import { bytes, double, float, int, message, text, varint } from "./protobuf";

const reader = (...parts: readonly (readonly number[])[]) => new WireReader(Uint8Array.from(parts.flat()));

describe("WireReader", () => {
  it("reads every kind of field", () => {
    const fields = reader(
      int(1, 150),
      double(2, -2.5),
      text(3, "grün"),
      float(4, 0.5),
      message(5, int(1, 7)),
    );
    expect(fields.next()).toBe(true);
    expect([fields.field, fields.uint]).toEqual([1, 150]);
    fields.next();
    expect([fields.field, fields.double]).toEqual([2, -2.5]);
    fields.next();
    expect([fields.field, fields.text]).toEqual([3, "grün"]);
    fields.next();
    expect([fields.field, fields.float]).toEqual([4, 0.5]);
    fields.next();
    const inner = fields.nested();
    inner.next();
    expect([inner.field, inner.int]).toEqual([1, 7]);
    expect([inner.next(), fields.next()]).toEqual([false, false]);
  });

  it("reads numbers exactly up to 2^53, negative ones included", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const field = reader(int(2, value));
        field.next();
        expect(field.int).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  it("reads packed numbers and goes on behind them", () => {
    const fields = reader(
      bytes(
        7,
        [1, 300, -1].flatMap((value) => [...varint(value)]),
      ),
      int(8, 9),
    );
    fields.next();
    expect([...fields.packedInts()]).toEqual([1, 300, -1]);
    fields.next();
    expect([fields.field, fields.uint]).toEqual([8, 9]);
  });

  it("gives nothing for a value of another wire type", () => {
    const fields = reader(int(1, 1), text(2, "x"));
    fields.next();
    expect([fields.text, fields.float, fields.double]).toEqual(["", Number.NaN, Number.NaN]);
  });

  it.each([
    ["a length beyond the end", [0x0a, 5, 1]],
    ["a length beyond any file", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ["a number without an end", [0x08, 0x80]],
    ["a number of eleven bytes", [0x08, ...new Array(10).fill(0x80), 0]],
    ["eight bytes that are not there", [0x09, 1, 2]],
    ["a group", [0x0b]],
  ])("refuses %s", (_, content) => {
    const fields = reader(content);
    expect(() => {
      while (fields.next()) fields.uint;
    }).toThrow(WireFormatError);
  });

  it("ends or refuses, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
        const fields = new WireReader(content);
        try {
          while (fields.next()) expect(fields.field).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(WireFormatError);
        }
      }),
    );
  });
});
