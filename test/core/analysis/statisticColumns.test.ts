import { expect, test } from "vitest";
import { joinStatistics, type TensorStatistics } from "../../../src/core/analysis/statisticColumns";

const nan = Number.NaN;

/** As numpy tells of each tensor's finite values (ddof 0). */
const first = { min: 1, max: 3, mean: 2, std: 0.816496580927726, absMax: 3, l2: 3.7416573867739413 };
const second = { min: -5, max: 4, mean: -1 / 3, std: 3.681787005729087, absMax: 5, l2: 6.4031242374328485 };
const none = { min: nan, max: nan, mean: nan, std: nan, absMax: nan, l2: nan };

const counted = (numbers: object, count: number, zeros = 0, notNumbers = 0, inf = 0) => ({
  statistics: { ...numbers, zeros, nan: notNumbers, inf } as TensorStatistics,
  count,
});

test("[1, 2, 3] and [-5, nan, 4, 0] together, as numpy tells of their six finite values", () => {
  const joined = joinStatistics([counted(first, 3), counted(second, 4, 1, 1)]);
  expect(joined).toMatchObject({ min: -5, max: 4, absMax: 5, zeros: 1, nan: 1, inf: 0 });
  expect(joined.mean).toBeCloseTo(0.8333333333333334, 12);
  expect(joined.std).toBeCloseTo(2.91070819942883, 12);
  expect(joined.l2).toBeCloseTo(7.416198487095663, 12);
});

test("a tensor without finite values gives its counts, and alone nothing else", () => {
  const infinite = counted(none, 2, 0, 0, 2);
  expect(joinStatistics([counted(first, 3), infinite])).toEqual({ ...first, zeros: 0, nan: 0, inf: 2 });
  expect(joinStatistics([infinite])).toEqual({ ...none, zeros: 0, nan: 0, inf: 2 });
});
