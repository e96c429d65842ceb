import { describe, expect, test } from "vitest";
import { optimizerKind, statelessOptimizers } from "../../../src/core/optimizer/optimizerKinds";

/**
 * Keys of states and of groups as the optimizers' own code writes them: apollo_torch, CAME, optimi, Apple's and
 * pytorch_optimizer's AdEMAMix, bitsandbytes, schedule_free, grokadamw, Adam-mini, LOMO, Keller Jordan's Muon.
 */
type Written = readonly [
  name: string,
  state: readonly string[],
  group: readonly string[],
  betas?: readonly number[],
];

const written: readonly Written[] = [
  ["Adam family", ["m", "v", "t"], ["lr", "betas", "eps", "weight_decay"]],
  ["Adam family (TensorFlow)", ["m", "v"], []],
  ["Muon", ["use_muon", "momentum_buffer", "moment1"], ["lr", "wd", "momentum", "ns_steps"]],
  ["Muon with Adam", ["momentum_buffer", "exp_avg", "exp_avg_sq", "step"], ["lr", "use_muon", "betas"]],
  ["APOLLO", ["seed", "projector", "exp_avg", "exp_avg_sq", "step"], ["rank", "scale_type", "correct_bias"]],
  ["GaLore", ["projector", "exp_avg", "exp_avg_sq", "step"], ["rank", "update_proj_gap", "correct_bias"]],
  ["GaLore", ["exp_avg", "exp_avg_sq", "step"], ["rank", "update_proj_gap", "proj_type", "correct_bias"]],
  ["Shampoo", ["momentum_buffer", "precond_0", "inv_precond_0"], ["epsilon", "update_freq", "momentum"]],
  ["CAME", ["step", "exp_avg", "exp_avg_sq_row", "exp_avg_res_row"], ["clip_threshold"], [0.9, 0.99, 0.999]],
  ["Adafactor", ["step", "exp_avg_sq_row", "exp_avg_sq_col"], ["scale_parameter", "relative_step"]],
  ["StableAdamW (optimi)", ["exp_avg", "exp_avg_sq", "eps_sq"], ["beta1", "beta2", "kahan_sum"]],
  [
    "AdEMAMix",
    ["exp_avg_fast", "exp_avg_slow", "exp_avg_sq"],
    ["alpha", "beta3_warmup"],
    [0.9, 0.999, 0.9999],
  ],
  ["AdEMAMix (bitsandbytes)", ["state1", "state2"], ["alpha", "t_alpha"], [0.9, 0.999, 0.9999]],
  ["AdEMAMix (bitsandbytes 8-bit)", ["state1", "state2", "qmap1"], ["t_alpha"], [0.9, 0.999, 0.9999]],
  ["bitsandbytes Adam", ["state1", "state2"], ["alpha", "t_alpha"], [0.9, 0.999]],
  ["Lion (bitsandbytes 8-bit)", ["state1", "qmap1", "absmax1"], ["betas"], [0.9, 0.99]],
  ["bitsandbytes momentum 8-bit", ["state1", "qmap1", "absmax1"], ["betas"], [0.9, 0]],
  ["Schedule-Free AdamW", ["z", "exp_avg_sq"], ["weight_sum", "betas", "train_mode", "warmup_steps"]],
  ["Schedule-Free RAdam", ["z", "exp_avg_sq"], ["weight_sum", "betas", "silent_sgd_phase"]],
  ["Schedule-Free SGD", ["z"], ["weight_sum", "momentum"]],
  ["GrokAdamW", [], ["grokking_signal_decay_rate", "betas", "eps"]],
  ["Adam-mini", ["step", "m", "vmean"], ["name", "beta1", "beta2"]],
  ["LOMO", [], ["lr", "clip_grad_norm", "clip_grad_value"]],
];

describe("which optimizer it is", () => {
  test.each(written.map((each) => ({ name: each[0], each })))(
    "$name",
    ({ name, each: [, state, group, betas] }) => {
      const evidence = { stateKeys: new Set(state), groupKeys: group, decoupled: undefined };
      expect(optimizerKind({ ...evidence, ...(betas === undefined ? {} : { betas }) }).name).toBe(name);
    },
  );

  test("tells what it was told from", () => {
    const evidence = { stateKeys: new Set(["exp_avg_res_row"]), groupKeys: [], decoupled: undefined };
    expect(optimizerKind(evidence).reason).toBe("the state has exp_avg_res_row");
  });

  test("of those that keep nothing, nothing can be missing", () => {
    expect(statelessOptimizers.has("LOMO")).toBe(true);
  });
});
