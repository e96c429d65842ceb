import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PointColumns } from "../../../../src/core/runs/logs/pointColumns";
import { mergeParts } from "../../../../src/core/runs/series/mergeParts";

type Point = readonly [step: number, value: number, wallTime?: number];

function columns(points: readonly Point[]): PointColumns {
  const part = new PointColumns();
  for (const [step, value, wallTime] of points) part.push(step, value, wallTime);
  return part;
}

const pointsOf = (part: PointColumns) => [...part.steps].map((step, index) => [step, part.values[index]]);
const merge = (...parts: readonly (readonly Point[])[]) =>
  pointsOf(mergeParts(parts.map(columns), { restarts: true }));
const mergeStates = (...parts: readonly (readonly Point[])[]) =>
  pointsOf(mergeParts(parts.map(columns), { restarts: false }));

describe("mergeParts", () => {
  it("gives the only part itself where its steps ascend", () => {
    const part = columns([
      [1, 1],
      [2, 2],
    ]);
    expect(mergeParts([part], { restarts: true })).toBe(part);
    expect(mergeParts([new PointColumns(), part], { restarts: true })).toBe(part);
    expect(mergeParts([], { restarts: true })).toHaveLength(0);
  });

  it("keeps the last of several values at one step", () => {
    expect(
      merge([
        [10, 0],
        [20, 1],
        [30, 2],
        [20, 3],
        [5, 4],
      ]),
    ).toEqual([
      [5, 4],
      [10, 0],
      [20, 3],
      [30, 2],
    ]);
  });

  it("drops what a training logged beyond the step at which it was started again", () => {
    const before: Point[] = [10, 20, 30, 40].map((step) => [step, step, step]);
    const after: Point[] = [
      [25, 1, 100],
      [30, 2, 101],
    ];
    expect(merge(before, after)).toEqual([
      [10, 10],
      [20, 20],
      [25, 1],
      [30, 2],
    ]);
  });

  it("keeps what another process wrote meanwhile, the newest value of a step", () => {
    const one: Point[] = [
      [10, 1, 10],
      [20, 1, 20],
      [30, 1, 30],
    ];
    const other: Point[] = [
      [10, 2, 11],
      [20, 2, 19],
    ];
    expect(merge(one, other)).toEqual([
      [10, 2],
      [20, 1],
      [30, 1],
    ]);
  });

  it("drops what a log itself says is void", () => {
    const part = columns([
      [10, 1, 1],
      [20, 1, 2],
      [30, 1, 3],
      [20, 2, 5],
    ]);
    const merged = mergeParts([part], { restarts: true, purges: [{ wallTime: 4, step: 20 }] });
    expect(pointsOf(merged)).toEqual([
      [10, 1],
      [20, 2],
    ]);
  });

  it("never drops a point of logs that repeat each other, and takes the newest value", () => {
    expect(
      mergeStates(
        [
          [10, 1],
          [20, 2],
          [30, 7],
        ],
        [
          [10, 1],
          [20, 9],
        ],
      ),
    ).toEqual([
      [10, 1],
      [20, 9],
      [30, 7],
    ]);
  });

  it("is the longest log when the others are its beginnings", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double(), { minLength: 1, maxLength: 50 }),
        fc.array(fc.nat(50)),
        (losses, cuts) => {
          const log = losses.map((loss, step): Point => [step, loss]);
          expect(mergeStates(...cuts.map((cut) => log.slice(0, cut)), log)).toEqual(log);
        },
      ),
    );
  });

  it("agrees with a Map of steps, whatever the parts", () => {
    const part = fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer()), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const expected = [...new Map(parts.flat())].sort(([a], [b]) => a - b);
        expect(mergeStates(...parts)).toEqual(expected);
      }),
    );
  });

  it("gives steps that ascend, whatever was started again", () => {
    const part = fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer(), fc.nat(50)), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const steps = merge(...parts).map(([step]) => step ?? 0);
        expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
      }),
    );
  });
});

describe("PointColumns", () => {
  it("is what was pushed, however it was put together", () => {
    const maybe = fc.oneof(fc.constant(Number.NaN), fc.nat(100));
    const point = fc.tuple(fc.nat(100), fc.double(), maybe, maybe);
    fc.assert(
      fc.property(
        fc.array(fc.array(point, { maxLength: 40 }), { maxLength: 4 }),
        fc.nat(50),
        (parts, first) => {
          const whole = new PointColumns();
          for (const part of parts) {
            const added = new PointColumns();
            for (const one of part) added.push(...one);
            whole.append(added);
          }
          const all = parts.flat();
          expect(whole.length).toBe(all.length);
          expect([...whole.steps]).toEqual(all.map(([step]) => step));
          expect([...whole.values]).toEqual(all.map(([, value]) => value));
          all.forEach(([, , wallTime, epoch], index) => {
            expect([whole.wallTimeAt(index), whole.epochAt(index)]).toEqual([wallTime, epoch]);
          });
          const ascending = all.every(([step], index) => index === 0 || step > (all[index - 1]?.[0] ?? 0));
          if (whole.ascending) expect(ascending).toBe(true);
          expect([...whole.slice(first).steps]).toEqual(all.slice(first).map(([step]) => step));
        },
      ),
    );
  });

  it("gives views that later points do not change", () => {
    const part = columns([[1, 5]]);
    const { steps } = part;
    for (let step = 2; step < 100; step++) part.push(step, 0);
    expect([...steps]).toEqual([1]);
  });
});
