import { Comparison } from "../../../../src/core/compare/comparison";
import { computeTimeline } from "../../../../src/core/compare/computeTimeline";
import { alignSnapshots } from "../../../../src/core/compare/tensors/alignSnapshots";
import { headOf, pieceOf } from "../../../../src/protocol/comparePieces";
import type {
  CompareHostCalls,
  ComparePageCalls,
  CompareState,
} from "../../../../src/protocol/compareSurface";
import { compareParams } from "../../../../src/protocol/params/compareParams";
import { fakeChannel, type Receive, type Send } from "../fakeChannel";
import { adapterRuns } from "./adapterRuns";
import { fakeDiff, madeUpDifference } from "./diffHost";
import { fakeBases } from "./fakeBases";

/** Compares adapters in memory with the real arithmetic, as the worker does. */
export function startAdapterCompareHost(send: Send, name: string): Receive {
  const run = adapterRuns[name]?.();
  if (run === undefined) throw new Error(`No adapters called "${name}"`);
  const { files, timeline } = run;
  const stages = new Map<string, string>();
  const userStage = (path: string) => stages.get(path);
  let paths = run.paths;
  let generation = 0;
  let comparison: Promise<Comparison>;

  const compare = () => {
    generation++;
    comparison = Comparison.compute(files, paths, userStage);
  };
  const state = async (): Promise<CompareState> => {
    const current = generation;
    const { view } = await comparison;
    return { status: "ready", generation: current, head: headOf(view), piece: pieceOf(view, 0) };
  };
  const compareAgain = async () => {
    channel.notify("changed", { status: "working", paths });
    compare();
    channel.notify("changed", await state());
  };
  compare();

  const { channel, receive } = fakeChannel<CompareHostCalls, ComparePageCalls>(send, compareParams, {
    ready: state,
    rows: async ({ first }) => pieceOf((await comparison).view, first),
    ...fakeDiff({
      columns: () => paths.length,
      alignment: async () => alignSnapshots((await comparison).snapshots),
      difference: (row, pair) => madeUpDifference(`layers.${row}.part_${row % 4}`, pair),
      notify: (changed) => channel.notify("diffChanged", changed),
    }),
    moduleDetail: async ({ module }, signal) => (await comparison).moduleDetail(module, signal),
    modulePair: async ({ module, a, b }, signal) => (await comparison).modulePair(module, a, b, signal),
    arrange: ({ paths: arranged }) => {
      paths = arranged;
      void compareAgain();
    },
    add: () => {},
    open: () => {},
    setStage: ({ path }) => {
      stages.set(path, "fine-tuning");
      void compareAgain();
    },
    reduceRank: () => {},
    ...fakeBases(),
    startPage: () => undefined,
    lineage: () => ({ nodes: [], edges: [] }),
    reveal: () => {},
    compareApart: () => {},
    setStages: ({ paths: unstaged }) => {
      for (const [at, path] of unstaged.entries()) stages.set(path, at === 0 ? "svd" : "fine-tuning");
      void compareAgain();
    },
    copy: () => {},
    savePng: () => {},
    timelinePaths: () => timeline,
    timeline: ({ paths: followed, metrics }, signal, tell) =>
      computeTimeline(files, followed, userStage, {
        ...(metrics === undefined ? {} : { metrics }),
        report: tell.progress,
        signal,
      }),
    reload: () => void compareAgain(),
    cancel: () => {
      channel.notify("changed", { status: "failed", message: "The comparison was cancelled." });
    },
  });
  return receive;
}
