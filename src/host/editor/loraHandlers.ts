import { basename } from "node:path";
import { formatShare } from "../../core/text/quantities";
import type { Handlers } from "../../protocol/channel";
import type { LoraHostCalls } from "../../protocol/loraSurface";
import type { MadeSnapshot, ReductionStart } from "../../protocol/makeCalls";
import { forward, listenersOf } from "../analysis/forward";
import type { WorkerClient } from "../analysis/workerClient";
import type { BaseModels } from "../make/baseModels";
import { chooseFolder } from "../make/chooseFolder";
import { isTaken, type SnapshotMaker } from "../make/snapshotMaker";
import { showInformation } from "../messages";
import { analysisThreads } from "../settings";
import type { CheckpointDocument } from "./checkpointDocument";
import { openPath } from "./openPath";

/** What the LoRA tab needs of the rest of the extension. */
export interface LoraServices {
  readonly worker: WorkerClient;
  readonly maker: SnapshotMaker;
  readonly baseModels: BaseModels;
  compare(paths: readonly string[]): Promise<void>;
}

/** Answers about the adapter that a document shows, and makes new ones of it. */
export function loraHandlers(
  document: CheckpointDocument,
  { worker, maker, baseModels, compare }: LoraServices,
  /** False while another tab hides the page: there is then no page to see an answer. */
  isPageShown: () => boolean,
): Handlers<LoraHostCalls> {
  let isReducing = false;
  const isLocal = document.uri.scheme === "file";
  const adapter = async () => ({ handle: await document.openHandle() });

  return {
    lora: forward(worker, "lora", async () => ({ ...(await adapter()), threads: analysisThreads() })),
    baseModel: async () => {
      if (!isLocal) return undefined;
      const baseFacts = baseModels.facts(await document.identity());
      return baseFacts.chosen ?? worker.call("baseModel", { adapter: await adapter(), baseFacts });
    },
    chooseBaseModel: async () => baseModels.choose(await document.identity()),
    compareWithBase: forward(worker, "compareWithBase", async () => ({ adapter: await adapter() })),
    intruders: forward(worker, "intruders", async () => ({ adapter: await adapter() })),
    reductionStart: async (): Promise<ReductionStart> => {
      const start = await worker.call("reductionStart", await adapter());
      return isLocal ? start : { ...start, problem: start.problem ?? notLocal };
    },
    chooseFolder: ({ folder }) => chooseFolder(folder),
    isTaken: ({ path }) => isTaken(path),
    reduce: async ({ options, out, dtype }, signal, tell) => {
      if (isReducing) throw new Error("The rank of this adapter is being reduced already.");
      isReducing = true;
      try {
        const path = document.uri.fsPath;
        const wanted = { path, options, out, ...(dtype === undefined ? {} : { dtype }) };
        const made = await maker.reduce(wanted, { signal, listeners: listenersOf(tell) });
        if (made !== undefined && !isPageShown())
          void tellElsewhere(made, await document.identity(), compare);
        return made;
      } finally {
        isReducing = false;
      }
    },
    compareMade: async ({ path }) => compare([await document.identity(), path]),
  };
}

/** The page that asked is hidden, which for a page is the end. */
async function tellElsewhere(
  { path, rank, energyKept, error }: MadeSnapshot,
  original: string,
  compare: LoraServices["compare"],
): Promise<void> {
  const message = `${basename(path)} is written: rank ${rank}, ${formatShare(energyKept)} of the energy kept (error ${formatShare(error)}).`;
  const [open, compareThem] = ["Open", "Compare With Original"];
  const answer = await showInformation(message, open, compareThem);
  if (answer === open) await openPath(path);
  if (answer === compareThem) await compare([original, path]);
}

const notLocal = "The file is not on this disk, so nothing can be written beside it.";
