import { expect, it } from "vitest";
import { MersenneTwister, startOfPermutation } from "../../../src/core/linalg/mersenneTwister";

it("draws the numbers of the published generator", () => {
  // The first and the 10,000th of its reference seed (C++ standard, [rand.predef]).
  const generator = new MersenneTwister(5489);
  expect(generator.random()).toBe(3499211612);
  for (let at = 2; at < 10_000; at++) generator.random();
  expect(generator.random()).toBe(4123659995);
});

it.each([
  [777, 30, 8, [5, 28, 25, 8, 19, 7, 21, 2]],
  [777, 4096 * 4096, 4, [1374311, 8240085, 6766295, 6474818]],
  [3, 5, 5, [1, 0, 3, 4, 2]],
])(
  "begins a permutation of seed %i and %i numbers as torch.randperm does",
  (seed, length, count, numbers) => {
    expect(startOfPermutation(seed, length, count)).toEqual(numbers);
  },
);
