/** What a number in a hand-written checkpoint is about, by the key under which it was saved. */
export type NumberMeaning =
  | "step"
  | "epoch"
  | "episode"
  | "maxSteps"
  | "maxEpochs"
  | "learningRate"
  | "loss"
  | "evalLoss"
  | "best"
  | "metric";

/** Words of an end, in front of a count. */
const goalWords = "(?:max(?:imum)?|num_training|total_train(?:ing)?|max_train|target)";
const steps =
  "(?:steps?|iters?|itrs?|iterations?|niter|frames?|timesteps?|env_steps|batch(?:es)?_seen|batch_idx_train|batch_num_total)";

const maxSteps = new RegExp(`^${goalWords}_?(?:${steps}|updates?)$`, "i");
const maxEpochs = /^(?:max|num_train|total|n|num|end|target|nb|n_train)_?epochs?$/i;
/** The surest first: `step` beside `total_steps` is what was done, and the other the goal. */
const stepKeys: readonly RegExp[] = [
  // ML-Agents: a private attribute, before which Python puts the name of its class.
  /^(?:GlobalSteps__)?(?:global|glb)_?(?:time)?steps?$/i,
  new RegExp(`^${steps}$`, "i"),
  /^step_count$/i,
  /^(?:iter_num|iter_count|it|its|n_iter|num_iter|num_updates|number_training_updates|steps_(?:run|done|taken|trained)|total_steps_done|completed_steps|timestamp_batch)$/i,
  new RegExp(
    `^(?:current|cur|train(?:ing)?|trained|last|optimi[sz]er|model|start|resume|iter)_?${steps}$`,
    "i",
  ),
  /^(?:num_timesteps|n_timesteps|num_env_steps|total_env_steps|total_steps|n_steps|num_steps|total_iters?|total_iterations|total_it|num_iterations|n_iters|total_numsteps|frame_idx|total_frames|t_env)$/i,
  /^total_timesteps$/i,
  // One update takes in many steps of an environment.
  /^(?:(?:current|cur|last|n|total|start)_?)?updates?$|^(?:update_count|learn_step_counter|train_counter)$/i,
];
const epochKeys: readonly RegExp[] = [
  /^(?:epoch|current_epoch|cur_epoch|iepoch|ep|epoch_idx|epoch_num|epoch_number|global_epoch|last_epoch|epoch_id|timestamp_epoch|global_epoch_step|stage_epoch_step)$/i,
  /^(?:(?:n_|num_)?epochs_(?:run|done|trained|completed)|trained_epochs|completed_epochs|start_epoch|epochs|num_epochs?|n_epochs?|total_epochs?)$/i,
];
const episodeKeys: readonly RegExp[] = [
  /^(?:i_)?episodes?$|^(?:current|cur|last|num|n|total|start)_?episodes?$|^episodes?_(?:num|number|idx|count|done)$|^(?:total_|num_played_)?games(?:_played)?$|^(?:round|comm_round|generation)$/i,
];

const rateKeys = /^(?:lr|learning_?rate|current_lr)$/i;
const lossKeys =
  /^(?:train(?:ing)?_|tr_|avg_|total_|running_|epoch_|last_|model_|mean_|current_|cur_|final_)*loss(?:_train)?$/i;
const evalLossKeys =
  /^(?:(?:best_)?model_)?(?:avg_|mean_|current_|last_|final_)*(?:val|valid|validation|eval|test|dev|cv)_?(?:avg_|mean_)?loss$|^loss_(?:val|valid|eval|test|dev|cv)$/i;

/** Not a value that got best, but when or where it did. */
const bestMoment =
  /(?:epoch|steps?|iters?|itr|iteration|index|idx|time|path|file|name|round|episode)s?$|state|model$|weights|params/i;

const metricWords =
  /^(?:acc\d?|accuracy|accuracies|prec\d?|precision|recall|top\d?|f[1-5]|fscore|auc|auroc|roc|map\d*|ap\d*|map50|lwlrap|bleu|rouge\w*|meteor|cider|spice|wer|cer|per|eer|der|iou|miou|dice|psnr|ssim|lpips|fid|kid|loss|losses|error|err|mae|mse|rmse|mape|r2|pearson|spearman|kappa|mrr|ndcg|hits?|hit\d*|elbo|nll|bpd|bpc|ppl|perplexity|reward|rewards|return|returns|score|fitness|metric|mcc|em|sdr|sisnr|pesq|stoi|cosine|kl|success|winrate|win|elo)$/i;

/** The meaning of a number by its key, and the order in which keys of one meaning are preferred. */
export function meaningOf(
  given: string,
): { readonly meaning: NumberMeaning; readonly rank: number } | undefined {
  const key = given.replace(/^_+/, "");
  const at = (meaning: NumberMeaning, rank = 0) => ({ meaning, rank });
  if (maxSteps.test(key)) return at("maxSteps");
  const step = stepKeys.findIndex((pattern) => pattern.test(key));
  if (step >= 0) return at("step", step);
  const epoch = epochKeys.findIndex((pattern) => pattern.test(key));
  if (epoch >= 0) return at("epoch", epoch);
  if (maxEpochs.test(key)) return at("maxEpochs");
  if (episodeKeys.some((pattern) => pattern.test(key))) return at("episode");
  if (rateKeys.test(key)) return at("learningRate");
  if (bestName(key) !== undefined) return at("best", /train/i.test(key) ? 1 : 0);
  if (evalLossKeys.test(key)) return at("evalLoss", /test/i.test(key) ? 1 : 0);
  if (lossKeys.test(key)) return at("loss", key.length);
  return isMetricName(key) ? at("metric") : undefined;
}

/** `acc1` of `best_acc1`; "metric" where the key says only that it is the best; undefined where it is no best value. */
export function bestName(key: string): string | undefined {
  const match =
    // Lightning up to 0.9 does not say of which metric.
    /^_*(?:best|monitor_best|checkpoint_callback_best(?:_model_score)?)(?:_?so_?far)?$/i.exec(key) ??
    /^_*(?:current_)?best[_-]?(.+)$/i.exec(key) ??
    /^(.+)_best$/i.exec(key) ??
    /^(?:max|min|highest|lowest)_((?:val|valid|test|eval)?_?(?:loss|acc|accuracy|error|err|score|reward|f1|iou|dice|auc|wer).*)$/i.exec(
      key,
    );
  if (match === null || bestMoment.test(key)) return undefined;
  return match[1]?.replace(/^(?:val|eval)_(?=metric$|score$)/i, "") ?? "metric";
}

/** Whether one of a key's words is that of a metric: `val_acc`, `bleu-4`, `metrics/mAP50(B)`. */
export function isMetricName(key: string): boolean {
  if (/^(?:val|valid|validation|test|eval)$/i.test(key)) return true;
  if (/param|weight|coef|lambda|scale|patience|no_improve|since|epoch|hist_len|smoothing/i.test(key))
    return false;
  // A bound, what is aimed at, what was before, and in how many bits is computed.
  if (/clip|^(?:old|target)_|(?:^|_)target_kl$|(?:float|matmul|mixed|amp|trainer)_?precision/i.test(key))
    return false;
  // Keras numbers what its metrics sum up.
  if (/\/vars\/\d+$/.test(key)) return false;
  // How many of something there are: `num_cases_per_batch` is no error rate.
  if (/^n(?:um)?_/i.test(key)) return false;
  // In front of another word `per` is no error rate of phonemes: `iters_per_level`.
  return key
    .replace(/(?:^|[^A-Za-z\d])per(?=[^A-Za-z\d])/gi, "_")
    .split(/[^A-Za-z\d]+/)
    .some((word) => metricWords.test(word));
}

/** Series by name: the training loss, that of validation, or neither. */
export function seriesMeaning(name: string): "loss" | "evalLoss" | undefined {
  const key = name.replace(/[^A-Za-z\d]+/g, "_").toLowerCase();
  const plain = key.replace(
    /_?(?:history|hist|list|log|logs|values|curve|per_epoch|all|epochs?|avg|mean)(?=_|$)/g,
    "",
  );
  if (
    /^(?:val|valid|validation|eval|test|dev|vl|te|cv)_?(?:loss(?:es)?)?$|^loss(?:es)?_(?:val|valid|eval|test|dev|cv)$/.test(
      plain,
    )
  ) {
    return /loss|^(?:val|valid|validation|eval|test)$/.test(plain) && (plain !== key || /loss/.test(key))
      ? "evalLoss"
      : undefined;
  }
  if (
    /^(?:(?:train|training|tr|total|running|step|batch|all|epoch|iter|mean|avg)_?)*loss(?:es)?(?:_(?:train|tr))?$/.test(
      plain,
    )
  )
    return "loss";
  return /^train(?:ing)?$/.test(plain) && plain !== key ? "loss" : undefined;
}
