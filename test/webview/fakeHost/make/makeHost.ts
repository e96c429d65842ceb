import type { JobPlan, JobResult, ModelJob } from "../../../../src/core/report/jobs/modelJob";
import type { MakeHostCalls, MakePageCalls, MakeState } from "../../../../src/protocol/makeSurface";
import { makeParams } from "../../../../src/protocol/params/makeParams";
import { fakeChannel, type StartHost } from "../fakeChannel";

/** What the tests choose of a panel that makes a new model. */
export interface MakeHostOptions {
  readonly kind?: ModelJob["kind"];
  readonly made?: boolean;
  /** The plan fails with this reason. */
  readonly refusal?: string;
  readonly taken?: boolean;
  readonly freeBytes?: number;
  /** Names as long as people make them. */
  readonly long?: boolean;
}

const longName = "llama-3.1-8b-instruct-customer-support-dialogues-v2-lora-r64-alpha128-lr2e-4-seed42";

function jobOf({ kind = "merge", long = false }: MakeHostOptions): ModelJob {
  const name = long ? `/runs/${longName}/checkpoint-240` : "/runs/03-fine-tuning/checkpoint-240";
  if (kind === "merge") return { kind, base: "/models/llama-3-8b", adapters: [{ path: name, weight: 1 }] };
  if (kind === "convert") return { kind, source: "/runs/old/model.pt", only: "model" };
  const snapshots = ["120", "180", "240"].map((step) => ({ path: `/runs/checkpoint-${step}`, weight: 1 }));
  return { kind: "average", snapshots };
}

function planOf(job: ModelJob, long: boolean): JobPlan {
  const paths =
    job.kind === "merge"
      ? [job.base, ...job.adapters.map(({ path }) => path)]
      : job.kind === "convert"
        ? [job.source]
        : job.kind === "average"
          ? job.snapshots.map(({ path }) => path)
          : [];
  const roleOf = (at: number) =>
    job.kind === "convert" ? "source" : job.kind === "average" ? "snapshot" : at === 0 ? "base" : "adapter";
  return {
    sources: paths.map((path, at) => ({
      path,
      role: roleOf(at),
      what: at === 0 ? "Model · 8.03 B parameters · BF16" : "LoRA adapter · rank 16 · 224 modules",
      bytes: at === 0 ? 16.1e9 : 83_900_000,
    })),
    tensors: 291,
    bytes: 16.06e9,
    dtypes: ["BF16"],
    carried: ["config.json", "generation_config.json", "tokenizer.json"],
    ...(job.kind === "convert" ? { offers: { names: false, experts: ["single"] } } : {}),
    place: { folder: "/runs", name: long ? `${longName}-merged` : "04-merged" },
    notes: [
      {
        severity: "info",
        code: "Plan",
        message: "224 modules change 224 weights; 67 other tensors stay what they are, byte for byte.",
      },
      {
        severity: "warning",
        code: "NotResumable",
        message:
          "Optimizer, scheduler and random state are not carried over: training cannot be resumed from the result.",
      },
    ],
  };
}

const result: JobResult = {
  path: "/runs/04-merged",
  facts: [
    { name: "Modules merged", value: "224" },
    { name: "Most lost to rounding", value: "2.4 % of ‖ΔW‖" },
    { name: "Size", value: "16.1 GB" },
    { name: "Read back", value: "every byte" },
  ],
  table: {
    title: "What rounding took",
    headings: ["Module", "‖ΔW‖", "Lost to rounding"],
    rows: Array.from({ length: 224 }, (_, at) => [
      `model.layers.${Math.floor(at / 7)}.self_attn.q_proj.${at % 7}`,
      (3 / (at + 1)).toFixed(4),
      `${(2.4 - at / 100).toFixed(1)} %`,
    ]),
  },
  notes: [
    {
      severity: "warning",
      code: "RoundingLoss",
      message: "Rounding took more than 1 % of ‖ΔW‖ in 12 modules of 224; a result in F32 would keep it.",
    },
  ],
  report: "# Merged into the base",
};

/** The extension as the page that makes new models sees it. Making stands still at a third, until it is cancelled. */
export const startMakeHost: StartHost = (send, given) => {
  const options = (given ?? {}) as MakeHostOptions;
  const { refusal, taken = false, freeBytes = 400e9, long = false, made = false } = options;
  const job = jobOf(options);
  let state: MakeState = made ? { status: "made", job, result } : { status: "choosing", job };
  const set = (next: MakeState) => {
    state = next;
    channel.notify("changed", state);
  };
  const { channel, receive } = fakeChannel<MakeHostCalls, MakePageCalls>(send, makeParams, {
    ready: () => state,
    plan: ({ job: wanted }) => {
      if (refusal !== undefined) throw new Error(refusal);
      return planOf(wanted, long);
    },
    place: () => ({ taken, freeBytes }),
    chooseFolder: () => "/elsewhere",
    chooseSource: ({ role }) => `/chosen/${role}`,
    make: ({ job: wanted, out }) => {
      set({ status: "making", job: wanted, out });
      channel.notify("progress", {
        done: 5.2e9,
        total: 16.06e9,
        label: "model.layers.10.mlp.down_proj.weight",
      });
    },
    cancel: () =>
      set({ status: "choosing", job: state.job, failure: "It was stopped. Nothing was written." }),
    again: () => set({ status: "choosing", job: state.job }),
    open: () => {},
    compare: () => {},
    showReport: () => {},
    reveal: () => {},
  });
  return receive;
};
