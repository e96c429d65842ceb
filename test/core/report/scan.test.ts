import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joinScans } from "../../../src/core/report/scan/joinScans";
import { encodeScan, parseScan, type ScanFile } from "../../../src/core/report/scan/scanFile";
import { tensorsOfPart } from "../../../src/core/report/scan/scanShare";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { someStatistics } from "../../support/someStatistics";

const file = { path: "model.safetensors", bytes: 1000, modifiedMs: 1_795_959_862_452.3547 };

function scan(changes: Partial<ScanFile> = {}): ScanFile {
  return {
    version: "1.2.3",
    files: [file],
    tensorCount: 3,
    part: undefined,
    sha256: false,
    tensors: [0, 1, 2].map(row),
    changedFiles: [],
    ...changes,
  };
}

function row(index: number) {
  return { index, name: `t${index}`, values: { stats: someStatistics({ mean: index / 3 }) } };
}

function part(number: number, count: number, indexes: readonly number[], changes: Partial<ScanFile> = {}) {
  return {
    file: `part ${number}`,
    scan: scan({ part: { number, count }, tensors: indexes.map(row), ...changes }),
  };
}

/** Only what a share is made of matters here. */
function tensor(byteSize: number, fileIndex: number): Tensor {
  return { byteSize, fileIndex } as Tensor;
}

describe("shares", () => {
  test("every tensor is in one share, and a share holds at most one tensor more than its bytes", () => {
    const sizes = fc.array(fc.nat(1000), { maxLength: 60 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (bytes, count, files) => {
          const tensors = bytes.map((size, at) => tensor(size, at % files));
          const total = bytes.reduce((sum, size) => sum + size, 0);
          const shares = Array.from({ length: count }, (_, at) =>
            tensorsOfPart(tensors, { number: at + 1, count }),
          );
          expect(shares.flat().sort((a, b) => a - b)).toEqual([...tensors.keys()]);
          for (const share of shares) {
            const own = share.reduce((sum, index) => sum + (bytes[index] ?? 0), 0);
            expect(own).toBeLessThanOrEqual(total / count + Math.max(0, ...bytes));
          }
        },
      ),
    );
  });
});

describe("a scan's file", () => {
  test("gives back every number, to the sign of a zero", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (min, max) => {
        const stats = someStatistics({ min, max, mean: -0, std: Number.NaN });
        const whole = scan({ tensors: [{ index: 0, name: 'ü\n"', values: { stats, sha256: "ab" } }] });
        const read = parseScan(encodeScan(whole), "x").tensors[0]?.values.stats;
        for (const [id, value] of Object.entries(stats))
          expect(Object.is(read?.[id as "min"], value)).toBe(true);
      }),
    );
    expect(parseScan(encodeScan(scan()), "x")).toEqual(scan());
  });

  test("that is cut, damaged or something else is refused", () => {
    const text = encodeScan(scan());
    for (const end of [0, 1, 40, text.length - 20])
      expect(() => parseScan(text.slice(0, end), "x")).toThrow();
    for (const other of [
      "{}",
      "[]",
      "1",
      '{"scan":{}}',
      text.replace('"min"', '"most"'),
      text.replace('"t1"', "1"),
    ])
      expect(() => parseScan(other, "x")).toThrow(/scan/i);
  });
});

describe("joining", () => {
  test("parts in any order give the whole", () => {
    expect(joinScans([part(2, 2, [1]), part(1, 2, [2, 0])])).toEqual(scan());
  });

  test("what is missing is named, and nothing is joined without it", () => {
    expect(() => joinScans([part(1, 3, [0]), part(3, 3, [2])])).toThrow("Part 2 of 3 is missing.");
    expect(() => joinScans([part(3, 4, [0])])).toThrow("Of 4 parts 1, 2, 4 are missing.");
    expect(() => joinScans([part(1, 2, [0]), part(2, 2, [2])])).toThrow("1 tensor of the checkpoint");
    expect(() => joinScans([])).toThrow("no parts");
  });

  test("nothing is counted twice, and parts of other scans are refused", () => {
    expect(() => joinScans([part(1, 2, [0, 1]), part(1, 2, [0, 1])])).toThrow("and so is part 1");
    expect(() => joinScans([part(1, 2, [0, 1]), part(2, 2, [1, 2])])).toThrow("in another part too");
    const first = part(1, 2, [0]);
    expect(() => joinScans([first, part(2, 2, [1, 2], { version: "2" })])).toThrow("version");
    expect(() => joinScans([first, part(2, 2, [1, 2], { sha256: true })])).toThrow("hashes");
    const other = { ...file, modifiedMs: 1 };
    expect(() => joinScans([first, part(2, 2, [1, 2], { files: [other] })])).toThrow("was another file");
  });
});
