import { expect, it } from "vitest";
import { overallProgress } from "../../src/worker/overallProgress";

it("tells passes over the modules as one work that never goes back", () => {
  const told: number[] = [];
  const report = overallProgress(3, (done, total) => told.push(done / total));
  for (const total of [4, 2, 1]) for (let done = 0; done < total; done++) report(done, total, "");
  expect(told).toEqual([0, 1 / 12, 2 / 12, 3 / 12, 2 / 6, 3 / 6, 2 / 3]);
});
