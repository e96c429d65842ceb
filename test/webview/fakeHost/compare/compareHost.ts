import type { CompareModuleDetail, CompareTensorRow } from "../../../../src/core/compare/compareView";
import { headOf, pieceOf } from "../../../../src/protocol/comparePieces";
import type {
  CompareHostCalls,
  ComparePageCalls,
  CompareState,
} from "../../../../src/protocol/compareSurface";
import { compareParams } from "../../../../src/protocol/params/compareParams";
import { fakeChannel, type StartHost } from "../fakeChannel";
import { startAdapterCompareHost } from "./adapterCompareHost";
import { compareSamples, compareView, type Snapshot, tensorSample } from "./compareSamples";
import { alignmentOf, fakeDiff, madeUpDifference } from "./diffHost";
import { fakeBases } from "./fakeBases";
import { lineageSamples } from "./lineageSamples";
import { mixtureRows } from "./mixtureRows";

export interface CompareHostOptions {
  /** A name in compareSamples, or "working", which never ends, or "failed". */
  readonly sample?: string;
  /** A name in adapterRuns: these are compared with the real arithmetic. */
  readonly adapters?: string;
  /** How long a comparison takes. */
  readonly delayMs?: number;
  /** How the comparison of values ends; without, it reaches its end. */
  readonly diff?: "stalls" | "fails";
  /** So many tensors of an optimizer behind the weights. */
  readonly states?: number;
  /** A name in lineageSamples. */
  readonly lineage?: string;
}

/** The extension as the page of the compare panel sees it. */
export const startCompareHost: StartHost = (send, options) => {
  const {
    sample = "stages",
    delayMs = 0,
    adapters,
    diff,
    states = 0,
    lineage = "none",
  } = (options ?? {}) as CompareHostOptions;
  if (adapters !== undefined) return startAdapterCompareHost(send, adapters);
  const known = (compareSamples[sample] ?? compareSamples.stages)?.() ?? [];
  let shown: readonly Snapshot[] = known;
  let generation = 1;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const tensors = tensorsOf(sample);
  const view = () => compareView(shown, tensors.slice(0, 5000));
  const alignment = alignmentOf(sample === "threeModels" ? withThird(tensors) : tensors, states);
  const state = (): CompareState =>
    sample === "failed"
      ? { status: "failed", message: "The folder /runs/pipeline was deleted." }
      : { status: "ready", generation, head: headOf(view()), piece: pieceOf(view(), 0) };
  const working = (): CompareState => ({ status: "working", paths: shown.map(({ column }) => column.path) });

  const compareAgain = () => {
    channel.notify("changed", working());
    channel.notify("progress", { done: 3, total: 24, label: "Comparing modules" });
    clearTimeout(timer);
    timer = setTimeout(() => {
      generation++;
      channel.notify("changed", state());
    }, delayMs);
  };

  const { channel, receive } = fakeChannel<CompareHostCalls, ComparePageCalls>(send, compareParams, {
    ready: () => {
      if (sample !== "working") return state();
      setTimeout(() => channel.notify("progress", { done: 37, total: 224, label: "Reading the factors" }));
      return working();
    },
    rows: ({ first }) => pieceOf(view(), first),
    ...fakeDiff({
      columns: () => shown.length,
      alignment: () => alignment,
      difference: (row, pair) => madeUpDifference(alignment.rows[row]?.name ?? "", pair),
      notify: (changed) => channel.notify("diffChanged", changed),
      stalls: diff === "stalls",
      fails:
        diff === "fails"
          ? "/runs/merged-model/model.safetensors: The file changed while it was read."
          : undefined,
    }),
    moduleDetail: ({ module }): CompareModuleDetail => ({
      module,
      singularValues: shown.map(({ modules }) => modules.get(module) ?? null),
    }),
    modulePair: () => undefined,
    arrange: ({ paths }) => {
      shown = paths.flatMap((path) => known.filter(({ column }) => column.path === path));
      compareAgain();
    },
    add: () => {},
    open: () => {},
    setStage: () => {},
    setStages: () => {},
    startPage: () => undefined,
    lineage: () => (lineageSamples[lineage] ?? lineageSamples.none)?.() ?? { nodes: [], edges: [] },
    reveal: () => {},
    compareApart: () => {},
    copy: () => {},
    savePng: () => {},
    reload: compareAgain,
    reduceRank: () => {},
    ...fakeBases(),
    timelinePaths: () => undefined,
    timeline: () => {
      throw new Error("The samples have no timeline.");
    },
    cancel: () => {
      clearTimeout(timer);
      channel.notify("changed", { status: "failed", message: "The comparison was cancelled." });
    },
  });
  return receive;
};

function tensorsOf(sample: string): CompareTensorRow[] {
  if (!isModels(sample)) return [];
  return sample === "mixtures" ? mixtureRows() : tensorSample(sample === "manyTensors" ? 89_088 : 300);
}

function isModels(sample: string): boolean {
  return ["models", "manyTensors", "threeModels", "mixtures"].includes(sample);
}

/** The same tensors once more in a third snapshot. */
function withThird(rows: readonly CompareTensorRow[]): readonly CompareTensorRow[] {
  return rows.map((row) => ({ ...row, cells: [...row.cells, row.cells[1] ?? null] }));
}
