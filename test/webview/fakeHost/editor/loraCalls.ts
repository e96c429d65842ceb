import { rangeText } from "../../../../src/core/adapter/adapterText";
import { reducibleModules } from "../../../../src/core/transform/reducibleModules";
import { planReduction } from "../../../../src/core/transform/reductionPlan";
import type { Handlers } from "../../../../src/protocol/channel";
import type { LoraHostCalls } from "../../../../src/protocol/loraSurface";
import { waitUnlessAborted } from "../fakeChannel";
import type { EditorSample } from "./editorSample";

export interface LoraHostOptions {
  readonly loraMs?: number;
  /** Path of the base model that is beside the adapter. */
  readonly base?: string;
  /** What the user chooses as base model, and as folder. */
  readonly chosenBase?: string;
  readonly chosenFolder?: string;
  readonly intrudersMs?: number;
  readonly reductionProblem?: string;
  readonly reduceMs?: number;
  readonly reduceFailure?: string;
  readonly taken?: readonly string[];
}

const notMeasured = "It is not measured yet.";

/** Answers about the adapter of a sample, as the extension gives them. */
export function fakeLoraCalls(sample: () => EditorSample, options: LoraHostOptions): Handlers<LoraHostCalls> {
  let base = options.base;
  const modules = () => sample().lora?.modules ?? [];
  return {
    lora: async (_, signal, tell) => {
      const view = sample().lora;
      if (view === undefined) return undefined;
      const { modules: rows, ...rest } = view;
      const { facts, savedWhole, problems } = rest;
      const total = rows.length;
      const unmeasured = rows.map((row) => ({ ...row, metrics: undefined, unavailable: notMeasured }));
      if ((options.loraMs ?? 0) > 0)
        tell.chunk({ head: { facts, savedWhole, problems }, first: 0, rows: unmeasured });
      if ((options.loraMs ?? 0) > 0) tell.progress(5, total, "model.layers.1.q_proj");
      await waitUnlessAborted(options.loraMs ?? 0, signal);
      tell.chunk({ head: { facts, savedWhole, problems }, first: 0, rows });
      return rest;
    },
    baseModel: () => base,
    chooseBaseModel: () => {
      base = options.chosenBase;
      return base;
    },
    compareWithBase: () => {
      if (modules().length === 0) {
        const own = [0, 1].map((layer) => `model.layers.${layer}.mlp.down_proj`);
        const rows = own.map((module, at) => ({ module, norm: 2 + at, baseNorm: 20, ratio: (2 + at) / 20 }));
        return {
          modules: rows.map((row) => ({ ...row, weight: `${row.module}.weight` })),
          ratio: 0.125,
          problems: [],
        };
      }
      // One module has no weight in the base model.
      const found = modules()
        .slice(1)
        .filter(({ metrics }) => metrics !== undefined);
      const ratios = found.map(({ module, metrics }, index) => ({
        module,
        weight: `${module}.weight`,
        norm: metrics?.frobenius ?? 0,
        baseNorm: 20 + index,
        ratio: (metrics?.frobenius ?? 0) / (20 + index),
      }));
      const message = `1 module has no weight in the base model, e.g. ${modules()[0]?.module}. Is it the right base?`;
      return {
        modules: ratios,
        ratio: 0.0312,
        problems: [{ severity: "warning", code: "BaseWeightMissing", message }],
      };
    },
    intruders: async (_, signal) => {
      await waitUnlessAborted(options.intrudersMs ?? 0, signal);
      const directions = [
        { singularValue: 9.31, cosine: 0.12, bound: 0, verdict: "intruder" as const },
        { singularValue: 8.204, cosine: 0.991, bound: 0, verdict: "no" as const },
        { singularValue: 7.5, cosine: 0.874, bound: 0, verdict: "no" as const },
      ];
      return { exact: true, directions, compared: 256 };
    },
    reductionStart: () => ({
      problem: options.reductionProblem,
      format: "peft",
      identity: "/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-300",
    }),
    chooseFolder: () => options.chosenFolder,
    isTaken: ({ path }) => (options.taken ?? []).includes(path),
    reduce: async ({ options: reduction, out }, signal, tell) => {
      if (options.reduceFailure !== undefined) throw new Error(options.reduceFailure);
      tell.progress(24, 69, "model.layers.0.q_proj");
      await waitUnlessAborted(options.reduceMs ?? 0, signal);
      const plan = planReduction(reducibleModules(modules()).modules, reduction);
      return {
        path: out,
        bytes: plan.bytesAfter + 900,
        moduleCount: plan.modules.length,
        rank: rangeText(plan.modules.map(({ rank }) => rank)),
        energyKept: plan.energyKept,
        error: plan.error,
        worstDeviation: 3.2e-8,
        problems: [],
      };
    },
    compareMade: () => {},
  };
}
