import type { Handlers } from "../../protocol/channel";
import type { CompareHostCalls } from "../../protocol/compareSurface";
import type { ProgressListener, WorkerClient } from "../analysis/workerClient";
import type { BaseModels } from "../make/baseModels";

type BaseCalls = "baseModel" | "chooseBaseModel" | "compareWithBase" | "intruders";

/** Answers about snapshots and the weights that their updates are added to. */
export function baseHandlers(
  { worker, baseModels }: { readonly worker: WorkerClient; readonly baseModels: BaseModels },
  onProgress: ProgressListener,
): Pick<Handlers<CompareHostCalls>, BaseCalls> {
  return {
    baseModel: async ({ path }) => baseModels.get(path) ?? worker.call("baseModel", { adapter: { path } }),
    chooseBaseModel: ({ path }) => baseModels.choose(path),
    compareWithBase: async ({ path, base }, signal) => {
      const progress = worker.listenToProgress(onProgress);
      try {
        const params = { adapter: { path }, base, progressToken: progress.token };
        return await worker.call("compareWithBase", params, signal);
      } finally {
        progress.dispose();
      }
    },
    intruders: ({ path, base, module }, signal) =>
      worker.call("intruders", { adapter: { path }, base, module }, signal),
  };
}
