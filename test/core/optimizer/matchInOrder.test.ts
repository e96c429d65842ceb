import { describe, expect, test } from "vitest";
import { matchInOrder } from "../../../src/core/optimizer/matchInOrder";

const tensors = (...shapes: readonly (readonly number[])[]) => shapes.map((shape) => ({ shape }));

describe("the only way to pass over what is no parameter", () => {
  test("a buffer at either end or between", () => {
    expect(matchInOrder([[2, 2], [2]], tensors([5], [2, 2], [7], [2], [9]))).toEqual([1, 3]);
    expect(matchInOrder([[2, 2], [2]], tensors([2, 2], [2]))).toEqual([0, 1]);
  });

  test("none where there is a choice: nothing is guessed", () => {
    expect(matchInOrder([[2]], tensors([2], [2]))).toBeUndefined();
    expect(matchInOrder([[2], [3]], tensors([2], [3], [3]))).toBeUndefined();
    expect(matchInOrder([undefined], tensors([2], [3]))).toBeUndefined();
  });

  test("none where nothing fits", () => {
    expect(matchInOrder([[2], [3]], tensors([3], [2]))).toBeUndefined();
    expect(matchInOrder([[2], [2]], tensors([2]))).toBeUndefined();
    expect(matchInOrder([], tensors([2]))).toBeUndefined();
  });

  test("equal shapes around a buffer are no choice, as long as all are taken", () => {
    expect(matchInOrder([[2], [2], [2]], tensors([2], [9], [2], [2]))).toEqual([0, 2, 3]);
  });

  test("20,000 parameters among 30,000 tensors take a moment", () => {
    const all = Array.from({ length: 30_000 }, (_, at) => [at % 3 === 0 ? 1_000_000 : at]);
    const own = all.filter((_, at) => at % 3 !== 0);
    expect(matchInOrder(own, tensors(...all))?.length).toBe(20_000);
  });
});
