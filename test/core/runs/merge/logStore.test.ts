import { describe, expect, it } from "vitest";
import { discoverRuns } from "../../../../src/core/runs/discover/discover";
import { LogDigests } from "../../../../src/core/runs/discover/logDigests";
import { ChartedRun } from "../../../../src/core/runs/merge/chartedRun";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { loggedRun } from "../../../../src/core/runs/status/loggedRun";
import { RunStatusReader } from "../../../../src/core/runs/status/runStatusReader";
import { type MemoryContent, MemoryFiles } from "../../../support/memoryFiles";
import { only } from "../discover/searchMemory";
import { peftCheckpoint, trainerState, weights } from "../discover/trainerFiles";
import { eventFile } from "../logs/eventFile";
import { events, trainerEvents, write } from "./followedRun";

const state = (step: number) => `/ws/out/checkpoint-${step}/trainer_state.json`;
const nowMs = () => 1_700_000_060_000;

/** What the Trainer leaves: event files, and its own log with each checkpoint. */
const trained = {
  ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
  ...peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }),
};

async function opened(checkpoints: Readonly<Record<string, MemoryContent>>) {
  const files = new MemoryFiles({ ...checkpoints, [events()]: eventFile(...trainerEvents(10, 5000)) });
  const store = new LogStore(files);
  const digests = new LogDigests(store);
  const options = { exclude: () => false, maxDepth: 6, maxFolders: 100, digests };
  const search = async () => only((await discoverRuns(files, [{ path: "/ws", name: "ws" }], options)).runs);
  const readings = () => files.opened.filter((path) => path === events() || path.endsWith("state.json"));
  return { files, store, search, readings, run: await search() };
}

describe("the logs of a run, read by the search, for its state and by its charts", () => {
  it("are opened once", async () => {
    const { store, search, readings, run } = await opened(trained);
    const status = await new RunStatusReader(store, nowMs).read(loggedRun(run), []);
    const chart = await ChartedRun.follow(store, run, { nowMs });
    const other = await ChartedRun.follow(store, { checkpoints: run.checkpoints }, { nowMs });
    await search();
    expect(readings().sort()).toEqual([state(40), state(80), events()].sort());
    expect(status?.status.progress).toMatchObject({ step: 5000 });
    for (const { sources, metrics } of [chart.head(), other.head()]) {
      expect(metrics).toContainEqual(expect.objectContaining({ key: "grad_norm", lastStep: 80 }));
      expect(sources).toContainEqual(expect.objectContaining({ path: state(80) }));
    }
  });

  it("cost what was appended once, and each reader is told of it", async () => {
    const { files, store, run } = await opened({ "/ws/out/checkpoint-40/model.safetensors": weights });
    const reader = new RunStatusReader(store, nowMs);
    const charts = [
      await ChartedRun.follow(store, run, { nowMs }),
      await ChartedRun.follow(store, run, { nowMs }),
    ];
    await reader.read(loggedRun(run), []);
    files.counts.bytesRead = 0;
    files.write(events(), eventFile(...trainerEvents(10, 5010)), nowMs());
    const [first, second] = await Promise.all(charts.map((chart) => chart.poll()));
    const status = await reader.read(loggedRun(run), []);
    // The head and two records of some fifty bytes, for three readers.
    expect(files.counts.bytesRead).toBeLessThan(2000);
    for (const news of [first, second])
      expect(news?.head?.metrics).toContainEqual(expect.objectContaining({ key: "loss", count: 501 }));
    expect(status?.status.progress).toMatchObject({ step: 5010 });
  });

  it("are told to each reader as far as its own last look", async () => {
    const { files, store, run } = await opened({ "/ws/out/checkpoint-40/model.safetensors": weights });
    const early = await ChartedRun.follow(store, run, { nowMs });
    const all = { key: "loss", axis: "step", from: -Infinity, to: Infinity, slices: 9999 } as const;
    const lengthOf = (chart: ChartedRun) => chart.sample([all])[0]?.lastX;
    files.write(events(), eventFile(...trainerEvents(10, 5010)), nowMs());
    const late = await ChartedRun.follow(store, run, { nowMs });
    expect([lengthOf(early), lengthOf(late)]).toEqual([5000, 5010]);
    await early.poll();
    expect(lengthOf(early)).toBe(5010);
    expect(early.head()).toEqual(late.head());
  });

  it("are digested anew by the next search when a chart has read them, without another look", async () => {
    const { files, store, search, readings, run } = await opened(trained);
    const chart = await ChartedRun.follow(store, run);
    files.opened.length = 0;
    write(files, state(80), trainerState({ step: 90 }));
    await chart.poll();
    const found = await search();
    expect(readings()).toEqual([state(80)]);
    expect(found.checkpoints.map(({ step }) => step)).toEqual([40, 90]);
  });
});
