import { describe, expect, it } from "vitest";
import { type Contents, codes, only, search } from "./searchMemory";
import { adapterConfig, type LogRow, weights } from "./trainerFiles";

/** Evaluations at these steps; `state` holds what the trainer says of the best. */
function training(
  steps: readonly number[],
  rows: readonly LogRow[],
  state: Record<string, unknown>,
): Contents {
  return Object.fromEntries(
    steps.flatMap((step) => {
      const folder = `/ws/out/checkpoint-${step}`;
      const log_history = rows.filter((row) => (row.step ?? 0) <= step);
      const words = { best_metric: null, best_model_checkpoint: null, best_global_step: null, ...state };
      const content = { global_step: step, max_steps: 1200, save_steps: 400, log_history, ...words };
      return [
        [`${folder}/adapter_model.safetensors`, weights],
        [`${folder}/adapter_config.json`, adapterConfig()],
        [`${folder}/trainer_state.json`, JSON.stringify(content)],
      ];
    }),
  );
}

const accuracies: LogRow[] = [
  { step: 400, eval_loss: 0.92, eval_accuracy: 0.8 },
  { step: 800, eval_loss: 0.95, eval_accuracy: 0.93 },
  { step: 1050, eval_loss: 0.8, eval_accuracy: 0.91 },
  { step: 1200, eval_loss: 0.76, eval_accuracy: 0.88 },
];

async function best(contents: Contents) {
  const run = only((await search(contents)).runs);
  const starred = run.checkpoints.filter((one) => one.best).map(({ name }) => name);
  return { starred, reason: run.bestReason, problems: run.problems, run };
}

describe("the best checkpoint by the trainer's own word", () => {
  it("is of the step that the trainer says, where it cleared the path", async () => {
    const found = await best(
      training([400, 800, 1200], accuracies, { best_global_step: 800, best_metric: 0.93 }),
    );
    expect(found.starred).toEqual(["checkpoint-800"]);
    expect(found.reason).toContain("step 800");
    expect(found.reason).toContain("eval_accuracy");
    expect(found.problems).toEqual([]);
  });

  it("is by the metric whose value is best_metric, where that is all it says", async () => {
    const found = await best(training([400, 800], accuracies, { best_metric: 0.93 }));
    expect(found.starred).toEqual(["checkpoint-800"]);
  });

  it("is by the same metric among those that are here, where the best step has none", async () => {
    const found = await best(training([400, 1200], accuracies, { best_metric: 0.93, best_global_step: 800 }));
    expect(found.starred).toEqual(["checkpoint-1200"]);
    expect(codes(found.problems)).toEqual(["BestCheckpointGone"]);
    expect(found.problems[0]?.message).toContain("checkpoint-400 (0.8) and checkpoint-1200 (0.88)");
  });

  it("says where the trainer's path and its metric disagree", async () => {
    const found = await best(
      training([400, 1200], accuracies, {
        best_metric: 0.93,
        best_model_checkpoint: "/x/out/checkpoint-400",
      }),
    );
    expect(found.starred).toEqual(["checkpoint-400"]);
    expect(codes(found.problems)).toEqual(["BestMetricDisagrees"]);
    expect(found.reason).toContain("of step 800; checkpoint-400 has 0.8");
  });

  it("is not the worst, where the trainer took the greatest loss for the best", async () => {
    const losses = [400, 800, 1200].map((step, at) => ({ step, eval_german_loss: [0.9, 0.5, 0.7][at] ?? 0 }));
    const found = await best(
      training([400, 800, 1200], losses, {
        best_metric: 0.9,
        best_global_step: 400,
        best_model_checkpoint: "/x/out/checkpoint-400",
      }),
    );
    expect(found.starred).toEqual(["checkpoint-800"]);
    expect(codes(found.problems)).toEqual(["BestMetricReversed"]);
    expect(found.reason).toMatch(/^The lowest eval_german_loss .*: 0\.5\. .*\(best_metric 0\.9\)/);
  });

  it("is damaged, not gone, where it is here and cut", async () => {
    const contents = training([400, 800], accuracies, {
      best_metric: 0.93,
      best_model_checkpoint: "/x/out/checkpoint-800",
    });
    const cut = { code: "MetadataIncompleteBuffer", severity: "error", message: "It is cut." } as const;
    const peek = async (path: string) => ({
      metadata: undefined,
      problems: path.includes("checkpoint-800") ? [cut] : [],
    });
    const run = only((await search(contents, { peek })).runs);
    expect(codes(run.problems)).toEqual(["BestCheckpointDamaged"]);
    expect(run.problems[0]?.message).toContain("damaged");
  });
});

describe("evaluations without a loss", () => {
  const rows = (third: number): LogRow[] => [
    { step: 400, eval_accuracy: 0.8, eval_f1: 0.7 },
    { step: 800, eval_accuracy: 0.93, eval_f1: 0.9 },
    { step: 1200, eval_accuracy: 0.88, eval_f1: third },
  ];

  it("have a best where their metrics agree", async () => {
    const found = await best(training([400, 800, 1200], rows(0.8), {}));
    expect(found.starred).toEqual(["checkpoint-800"]);
    expect(found.reason).toBe(
      "The trainer named no best. It has the highest eval_accuracy (0.93), the highest eval_f1 (0.9) of its run.",
    );
  });

  it("have none where they do not", async () => {
    expect((await best(training([400, 800, 1200], rows(0.95), {}))).starred).toEqual([]);
  });
});

describe("several evaluation sets", () => {
  const rows = (second: number): LogRow[] => [
    { step: 400, eval_a_loss: 0.9, eval_a_runtime: 1, eval_b_loss: 0.6 },
    { step: 800, eval_a_loss: 0.8, eval_b_loss: second },
  ];

  it("have a best where they agree", async () => {
    const found = await best(training([400, 800], rows(0.5), {}));
    expect(found.starred).toEqual(["checkpoint-800"]);
  });

  it("have none where they do not, which is said", async () => {
    const found = await best(training([400, 800], rows(0.7), {}));
    expect(found.starred).toEqual([]);
    expect(found.problems[0]?.message).toContain(
      "eval_a_loss: checkpoint-800 (0.8); eval_b_loss: checkpoint-400 (0.6)",
    );
    expect(found.run.checkpoints[1]?.metrics).toEqual([
      ["eval_a_loss", 0.8],
      ["eval_b_loss", 0.7],
    ]);
  });
});

describe("evaluations that tell no best", () => {
  it("are all NaN, and the first is the trainer's best for ever", async () => {
    const rows: LogRow[] = [400, 800].map((step) => ({ step, eval_loss: "NaN" }));
    const found = await best(training([400, 800], rows, { best_metric: "NaN", best_global_step: 400 }));
    expect(codes(found.problems)).toContain("EvaluationNotFinite");
  });

  it("rise while the loss falls: the training overfits from the best on", async () => {
    const rows: LogRow[] = [
      { step: 400, loss: 2 },
      { step: 400, eval_loss: 1.5 },
      { step: 800, loss: 1 },
      { step: 800, eval_loss: 1.8 },
      { step: 1200, loss: 0.1 },
      { step: 1200, eval_loss: 2.4 },
    ];
    const found = await best(training([400, 800, 1200], rows, {}));
    expect(found.starred).toEqual(["checkpoint-400"]);
    expect(found.problems.map(({ severity, code }) => [severity, code])).toEqual([
      ["info", "EvaluationRises"],
    ]);
    expect(found.problems[0]?.message).toContain("from 1.5 at step 400 to 2.4 at step 1,200");
  });
});

describe("a training that stopped early", () => {
  it("is told as such", async () => {
    const control = { args: { should_training_stop: true }, attributes: {} };
    const state = { stateful_callbacks: { TrainerControl: control } };
    expect((await best(training([400], [{ step: 400, loss: 1 }], state))).run.stoppedEarly).toBe(true);
  });
});

describe("a collapsed training", () => {
  const rows = (norm: number | string): LogRow[] => [
    { step: 200, loss: 1.2, grad_norm: 1 },
    { step: 600, loss: 0, grad_norm: norm },
    { step: 800, loss: 0, grad_norm: norm },
  ];

  it("is marked from the first entry on that says nothing any more", async () => {
    const found = await best(training([400, 800], rows("NaN"), {}));
    expect(codes(found.problems)).toEqual(["Collapsed"]);
    expect(found.run.checkpoints.map(({ problems }) => codes(problems))).toEqual([[], ["Collapsed"]]);
  });

  it("is not one whose loss is 0 with a gradient, as GRPO's is", async () => {
    const withReward = rows(0.3).map((row) => ({ ...row, reward: 1.5 }));
    const found = await best(training([400, 800], withReward, {}));
    expect(found.problems).toEqual([]);
    expect(found.run.checkpoints[1]?.metrics).toEqual([["reward", 1.5]]);
  });
});
