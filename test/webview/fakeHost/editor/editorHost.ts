import { contentPage } from "../../../../src/core/content/contentTree";
import { optimizerPage, viewOptimizer } from "../../../../src/core/optimizer/optimizerView";
import type { ResumeReport } from "../../../../src/core/resume/resumeReport";
import { logicalParameters } from "../../../../src/core/tensors/logicalParameters";
import { encodeTensorChunk } from "../../../../src/core/tensors/tensorTable";
import type { EditorHostCalls, EditorPageCalls, EditorState } from "../../../../src/protocol/editorSurface";
import { editorParams } from "../../../../src/protocol/params/editorParams";
import { fakeChannel, type Receive, type Send, waitUnlessAborted } from "../fakeChannel";
import { ChartedSample } from "../run/chartedSample";
import { chartHandlers } from "../run/chartHandlers";
import type { EditorSample } from "./editorSample";
import { editorSamples, type SampleName } from "./editorSamples";
import { fakeLoraCalls, type LoraHostOptions } from "./loraCalls";
import { type NumbersHostOptions, numbersHost } from "./numbersHost";

export interface EditorHostOptions extends LoraHostOptions, NumbersHostOptions {
  readonly sample?: SampleName;
  /** How long each answer takes. */
  readonly chunkMs?: number;
  readonly readyMs?: number;
  /** From this row on the tensor table cannot be read, until `reload`. */
  readonly failChunkFrom?: number;
}

declare global {
  interface Window {
    /** What a test can make happen on the side of the extension. */
    __fakeEditor: {
      /** As when the file changes on disk. */
      show(sample: SampleName): void;
      showTab(tab: string): void;
    };
  }
}

const onlyWeights: ResumeReport = {
  answer: "weights-only",
  sentence:
    "Only the weights: the optimizer state is missing. A training can start from them, with cold moments.",
  checks: [
    { what: "Parameters", verdict: "ok", reason: "model.safetensors is whole." },
    { what: "Optimizer state", verdict: "missing", reason: "The folder holds no optimizer state." },
  ],
};

const generationKey = "fake-host-generation";

export function startEditorHost(send: Send, given: unknown): Receive {
  const options = (given ?? {}) as EditorHostOptions;
  // The extension outlives a reload of the page, so its count of generations does too.
  let generation = Number(sessionStorage.getItem(generationKey) ?? "1");
  let failing = options.failChunkFrom !== undefined;
  let counts: Float64Array | undefined;
  let sample: EditorSample = editorSamples[options.sample ?? "adapter"]();
  const state = (): EditorState => ({ ...sample.state, generation });
  const runs = new WeakMap<EditorSample, ChartedSample>();
  const training = () => {
    if (sample.training === undefined) return undefined;
    const run = runs.get(sample) ?? new ChartedSample(sample.training);
    runs.set(sample, run);
    return run;
  };

  const { channel, receive } = fakeChannel<EditorHostCalls, EditorPageCalls>(send, editorParams, {
    ready: async (_params, signal) => {
      await waitUnlessAborted(options.readyMs ?? 0, signal);
      return state();
    },
    tensorChunk: async ({ first }, signal) => {
      await waitUnlessAborted(options.chunkMs ?? 0, signal);
      if (failing && first >= (options.failChunkFrom ?? 0)) {
        failing = false;
        throw new Error("The connection to the worker was lost.");
      }
      if (first === 0) counts = logicalParameters(sample.tensors);
      return encodeTensorChunk(sample.tensors, first, counts);
    },
    ...chartHandlers(() => {
      const run = training();
      if (run === undefined) throw new Error("No training log is beside this checkpoint.");
      return run;
    }),
    training: () => {
      const run = training();
      return run && { head: run.head(), choices: undefined };
    },
    partSettings: () => sample.partSettings ?? [],
    contentPage: ({ path, from }) =>
      sample.content === undefined ? undefined : contentPage(sample.content, path, from),
    optimizers: () => ({ views: (sample.optimizers ?? []).map(viewOptimizer) }),
    optimizerPage: ({ optimizer, first }) => {
      const state = sample.optimizers?.[optimizer];
      return state === undefined ? { first, total: 0, rows: [] } : optimizerPage(state, first, () => 300);
    },
    ...numbersHost(
      options,
      () => sample,
      (state) => channel.notify("scanChanged", state),
    ),
    quantisedState: ({ key }) => sample.quantised && { ...sample.quantised, key },
    resume: () => sample.resume ?? onlyWeights,
    health: () => [
      ...(sample.state.status === "ready" ? sample.state.summary.problems : []),
      ...(sample.health ?? []),
    ],
    ...fakeLoraCalls(() => sample, options),
    exportTensor: () => {},
    exportSlice: () => {},
    exportScan: () => {},
    reload: () => publish(),
    open: () => {},
    openAsText: () => {},
    copy: () => {},
    setStage: () => {},
    compare: () => {},
  });

  function publish(): void {
    generation++;
    sessionStorage.setItem(generationKey, String(generation));
    channel.notify("changed", state());
  }

  window.__fakeEditor = {
    show(name) {
      sample = editorSamples[name]();
      publish();
    },
    showTab: (tab) => channel.notify("showTab", { tab }),
  };
  return receive;
}
