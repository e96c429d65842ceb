import type { Handlers } from "../../protocol/channel";
import type { CompareHostCalls } from "../../protocol/compareSurface";
import { listenersOf } from "../analysis/forward";
import type { WorkerClient } from "../analysis/workerClient";
import type { BaseModels } from "../make/baseModels";

type BaseCalls = "baseModel" | "chooseBaseModel" | "compareWithBase" | "intruders";

/** Answers about snapshots and the weights that their updates are added to. */
export function baseHandlers({
  worker,
  baseModels,
}: {
  readonly worker: WorkerClient;
  readonly baseModels: BaseModels;
}): Pick<Handlers<CompareHostCalls>, BaseCalls> {
  return {
    baseModel: async ({ path }) => {
      const baseFacts = baseModels.facts(path);
      return baseFacts.chosen ?? worker.call("baseModel", { adapter: { path }, baseFacts });
    },
    chooseBaseModel: ({ path }) => baseModels.choose(path),
    compareWithBase: ({ path, base }, signal, tell) =>
      worker.call("compareWithBase", { adapter: { path }, base }, signal, listenersOf(tell)),
    intruders: ({ path, base, module }, signal) =>
      worker.call("intruders", { adapter: { path }, base, module }, signal),
  };
}
