/** Which optimizer wrote a state dict, and what it is told from. Its class is not saved. */
export interface OptimizerKind {
  readonly name: string;
  readonly reason: string;
}

export interface KindEvidence {
  /** Keys of the parameters' states, all together. */
  readonly stateKeys: ReadonlySet<string>;
  /** Keys of the groups in the order in which they were written. */
  readonly groupKeys: readonly string[];
  /** `betas` of the first group. */
  readonly betas?: readonly number[];
  readonly decoupled: boolean | undefined;
}

/** What gives an optimizer away, and what is known of it. One entry is all that a new one needs. */
interface Rule {
  readonly name: string;
  readonly state?: readonly string[];
  readonly group?: readonly string[];
  /** How many betas it has, or what they look like. */
  readonly betas?: (betas: readonly number[]) => boolean;
}

const three = (betas: readonly number[]) => betas.length === 3;
const nonzeroSecond = ([, second = 0]: readonly number[]) => second !== 0;

/** Low-memory optimization (arXiv 2306.09782) applies gradients as they come and keeps nothing. */
const lomo = "LOMO";

/** Optimizers without any state, of which nothing can be missing. */
export const statelessOptimizers: ReadonlySet<string> = new Set([lomo]);

/** The first that fits: the more a rule asks for, the earlier it stands. */
const rules: readonly Rule[] = [
  { name: "Muon", state: ["use_muon"] },
  { name: "Muon with Adam", group: ["use_muon"] },
  { name: "AdEMAMix (bitsandbytes 8-bit)", state: ["state1", "state2", "qmap1"], betas: three },
  { name: "AdEMAMix (bitsandbytes)", state: ["state1", "state2"], betas: three },
  { name: "bitsandbytes Adam 8-bit", state: ["state1", "state2", "qmap1"] },
  { name: "Lion (bitsandbytes 8-bit)", state: ["state1", "qmap1"], betas: nonzeroSecond },
  { name: "bitsandbytes momentum 8-bit", state: ["state1", "qmap1"] },
  { name: "bitsandbytes Adam", state: ["state1", "state2"] },
  { name: "Lion (bitsandbytes)", state: ["state1"], betas: nonzeroSecond },
  { name: "bitsandbytes momentum", state: ["state1"] },
  { name: "SOAP", state: ["GG", "Q"] },
  { name: "Shampoo", state: ["preconditioners"] },
  // torch_optimizer's.
  { name: "Shampoo", state: ["precond_0", "inv_precond_0"] },
  { name: "Prodigy", group: ["d_coef", "d0"] },
  { name: "D-Adaptation", group: ["d", "k"] },
  { name: "Schedule-Free RAdam", group: ["silent_sgd_phase"] },
  { name: "Schedule-Free AdamW", group: ["weight_sum", "betas"] },
  { name: "Schedule-Free SGD", group: ["weight_sum"] },
  { name: "APOLLO", group: ["scale_type"] },
  { name: "GaLore", state: ["projector"] },
  { name: "GaLore", group: ["update_proj_gap", "proj_type"] },
  { name: "CAME", state: ["exp_avg_res_row"] },
  { name: "StableAdamW (optimi)", state: ["eps_sq"] },
  { name: "StableAdamW (optimi)", group: ["beta1", "beta2", "kahan_sum"] },
  { name: "AdEMAMix", state: ["exp_avg_slow"] },
  { name: "AdEMAMix", group: ["alpha", "t_alpha_beta3"] },
  { name: "GrokAdamW", state: ["grok_ema"] },
  { name: "GrokAdamW", group: ["grokking_signal_decay_rate"] },
  { name: "Adan", state: ["exp_avg_diff"] },
  // lucidrains' adan-pytorch.
  { name: "Adan", state: ["m", "v", "n", "prev_grad"] },
  { name: "Adam-mini", state: ["vmean"] },
  { name: "Adam-mini", state: ["v_mean"] },
  { name: lomo, group: ["clip_grad_norm", "clip_grad_value"] },
  { name: "Adafactor", state: ["exp_avg_sq_row"] },
  { name: "Adafactor", group: ["scale_parameter", "relative_step"] },
  { name: "Adafactor", group: ["beta2_decay"] },
  { name: "NAdam", state: ["mu_product"] },
  { name: "NAdam", group: ["momentum_decay"] },
  { name: "Adamax", state: ["exp_inf"] },
  { name: "Adadelta", state: ["acc_delta"] },
  { name: "Adadelta", group: ["rho"] },
  { name: "RMSprop", state: ["square_avg"] },
  { name: "RMSprop", group: ["centered"] },
  { name: "Rprop", state: ["prev", "step_size"] },
  { name: "Rprop", group: ["etas"] },
  { name: "ASGD", state: ["ax", "eta"] },
  { name: "ASGD", group: ["lambd", "t0"] },
  { name: "LBFGS", group: ["tolerance_grad", "history_size"] },
  { name: "Adagrad", group: ["lr_decay"] },
  { name: "Adagrad", state: ["sum"] },
  { name: "Muon", group: ["ns_steps"] },
  { name: "AdamW (transformers)", group: ["correct_bias"] },
  { name: "FusedAdam", group: ["bias_correction", "betas"] },
  { name: "LAMB", group: ["max_grad_norm", "betas"] },
  { name: "Adam", state: ["max_exp_avg_sq"] },
  { name: "SGD", group: ["nesterov", "dampening"] },
  { name: "RMSprop (optax)", state: ["mu", "nu", "trace"] },
  { name: "Adam family (optax)", state: ["mu", "nu"] },
  { name: "RMSprop (optax)", state: ["nu"] },
  { name: "Lion (optax)", state: ["mu"] },
  { name: "Adagrad (optax)", state: ["sum_of_squares"] },
  { name: "Adadelta (optax)", state: ["e_g", "e_x"] },
  { name: "Adafactor (optax)", state: ["v_row", "v_col"] },
  { name: "SGD with momentum (optax)", state: ["trace"] },
  { name: "RMSprop (Keras)", state: ["velocity", "average_gradient"] },
  { name: "Adam family (Keras)", state: ["momentum", "velocity"] },
  { name: "RMSprop (Keras)", state: ["velocity"] },
  { name: "Adamax (Keras)", state: ["m", "u"] },
  { name: "Adamax (Keras)", state: ["momentum", "norm"] },
  { name: "Adafactor (Keras)", state: ["r", "c", "v"] },
  // An optimizer of somebody's own over torch's, whose groups TensorFlow has not.
  { name: "Adam family", state: ["m", "v"], group: ["lr"] },
  { name: "Adam family (TensorFlow)", state: ["m", "v"] },
  { name: "Adadelta", state: ["accumulated_grad", "accumulated_delta_var"] },
  { name: "FTRL", state: ["accumulator", "linear"] },
  { name: "Adagrad", state: ["accumulator"] },
  { name: "RMSprop (TensorFlow)", state: ["rms"] },
  { name: "SGD with momentum or Lion", state: ["momentum"] },
  { name: "Keras optimizer of two values a parameter", state: ["slot 1", "slot 2"] },
  { name: "Keras optimizer", state: ["slot"] },
];

export function optimizerKind(evidence: KindEvidence): OptimizerKind {
  const { stateKeys, groupKeys } = evidence;
  const groups = new Set(groupKeys);
  const rule = rules.find(
    ({ state = [], group = [], betas }) =>
      state.every((key) => stateKeys.has(key)) &&
      group.every((key) => groups.has(key)) &&
      (betas === undefined || betas(evidence.betas ?? [])),
  );
  if (rule !== undefined && rule.name !== "Adam") return { name: rule.name, reason: reasonOf(rule) };
  return adamFamily(evidence) ?? byMomentum(stateKeys) ?? unknownKind;
}

const unknownKind: OptimizerKind = {
  name: "optimizer",
  reason: "its keys belong to no optimizer that is known here",
};

function reasonOf({ state = [], group = [], betas }: Rule): string {
  const parts = [
    ...(state.length > 0 ? [`the state has ${state.join(", ")}`] : []),
    ...(group.length > 0 ? [`its groups have ${group.join(", ")}`] : []),
    ...(betas === undefined ? [] : [`its betas are ${betas === three ? "three" : "a pair"}`]),
  ];
  return parts.join(" and ");
}

/** Two moments, or groups that have `betas`: which of the family is told by what else the groups hold. */
function adamFamily({ stateKeys, groupKeys, decoupled }: KindEvidence): OptimizerKind | undefined {
  const groups = new Set(groupKeys);
  const hasMoments = stateKeys.has("exp_avg") && stateKeys.has("exp_avg_sq");
  if (!hasMoments && !(stateKeys.size === 0 && groups.has("betas") && groups.has("eps"))) {
    if (groups.has("betas") && stateKeys.has("exp_avg")) return lion;
    return groups.has("betas") && !groups.has("eps") ? lion : undefined;
  }
  if (decoupled !== undefined) {
    const reason = `its groups have decoupled_weight_decay ${decoupled ? "on" : "off"}`;
    if (groups.has("amsgrad")) return { name: decoupled ? "AdamW" : "Adam", reason };
    return { name: "RAdam", reason: "two moments, decoupled_weight_decay and no amsgrad" };
  }
  if (!groups.has("amsgrad")) return withoutAmsgrad(groups);
  const foreach = groupKeys.indexOf("foreach");
  const maximize = groupKeys.indexOf("maximize");
  if (foreach >= 0 && maximize >= 0) {
    const isAdamW = foreach < maximize;
    const order = isAdamW ? "foreach before maximize" : "maximize before foreach";
    const name = isAdamW ? "AdamW" : "Adam";
    return { name, reason: `two moments, and ${name} writes ${order}` };
  }
  return { name: "Adam or AdamW", reason: "two moments; nothing tells which of the two" };
}

function withoutAmsgrad(groups: ReadonlySet<string>): OptimizerKind {
  if (groups.has("weight_decay") && groups.has("foreach")) {
    return { name: "RAdam", reason: "two moments, and its groups have foreach and no amsgrad" };
  }
  if (!groups.has("weight_decay") && groups.has("maximize")) {
    return { name: "SparseAdam", reason: "two moments, and its groups have maximize and no weight_decay" };
  }
  return { name: "Adam family", reason: "two moments; its groups do not tell which" };
}

const lion: OptimizerKind = { name: "Lion", reason: "one moment, and its groups have betas but no eps" };

function byMomentum(stateKeys: ReadonlySet<string>): OptimizerKind | undefined {
  if (stateKeys.has("momentum_buffer")) return { name: "SGD", reason: "the state has momentum_buffer alone" };
  return stateKeys.has("exp_avg") ? { name: "Lion", reason: "the state has exp_avg alone" } : undefined;
}
