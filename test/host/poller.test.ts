import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Poller } from "../../src/host/runs/poller";

let looks: number;
let lookMs: number;
let intervalMs: number;
let poller: Poller;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  looks = 0;
  lookMs = 0;
  intervalMs = 5000;
  poller = new Poller({
    look: async () => {
      looks++;
      if (lookMs > 0) await new Promise((resolve) => setTimeout(resolve, lookMs));
    },
    intervalMs: () => intervalMs,
  });
});

afterEach(() => {
  poller.dispose();
  vi.useRealTimers();
});

const after = async (milliseconds: number) => {
  await vi.advanceTimersByTimeAsync(milliseconds);
  return looks;
};

it("looks at once when somebody watches, and then at its interval", async () => {
  expect(await after(60_000)).toBe(0);
  poller.setWatched(true);
  expect(await after(0)).toBe(1);
  expect(await after(4999)).toBe(1);
  expect(await after(1)).toBe(2);
  expect(await after(10_000)).toBe(4);
});

it("never looks while nobody watches, whatever is written", async () => {
  poller.setWatched(true);
  await after(0);
  poller.setWatched(false);
  poller.nudge();
  expect(await after(3_600_000)).toBe(1);
  poller.setWatched(true);
  expect(await after(0)).toBe(2);
});

it("looks sooner when something is written, once for a burst", async () => {
  poller.setWatched(true);
  await after(2000);
  for (let time = 0; time < 5; time++) poller.nudge();
  expect(await after(299)).toBe(1);
  expect(await after(1)).toBe(2);
  // And then at its interval again.
  expect(await after(4999)).toBe(2);
  expect(await after(1)).toBe(3);
});

it("is not put off for ever by events that keep coming, nor rushed by them", async () => {
  poller.setWatched(true);
  await after(0);
  for (let time = 0; time < 100; time++) {
    poller.nudge();
    await after(100);
  }
  expect(looks).toBeGreaterThanOrEqual(7);
  expect(looks).toBeLessThanOrEqual(11);
});

it("with an interval of zero goes by what is written alone", async () => {
  intervalMs = 0;
  poller.setWatched(true);
  expect(await after(600_000)).toBe(1);
  poller.nudge();
  expect(await after(1000)).toBe(2);
  expect(await after(600_000)).toBe(2);
});

it("has one look at a time, and another for what came meanwhile", async () => {
  lookMs = 2000;
  intervalMs = 0;
  poller.setWatched(true);
  await after(1000);
  poller.nudge();
  expect(await after(999)).toBe(1);
  expect(await after(1002)).toBe(2);
});

it("takes at most a tenth of the time where looking is slow", async () => {
  lookMs = 3000;
  poller.setWatched(true);
  await after(3000);
  expect(await after(29_999)).toBe(1);
  expect(await after(1)).toBe(2);
});

it("goes on after a look that failed", async () => {
  let calls = 0;
  const failing = new Poller({
    look: () => {
      calls++;
      return Promise.reject(new Error("The disk is gone.")).catch(() => undefined);
    },
    intervalMs: () => 1000,
  });
  failing.setWatched(true);
  await after(3500);
  failing.dispose();
  expect(calls).toBe(4);
  await after(5000);
  expect(calls).toBe(4);
});
