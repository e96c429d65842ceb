const lowerIsBetter =
  /(?:^|[_/.-])(?:loss(?:es)?|nll|bpd|bpc|perplexity|ppl|cross_entropy|error|err|wer|cer|eer|fid|lpips|mae|mse|rmse|kl|divergence)(?:$|[_/.-])/;
const higherIsBetter =
  /(?:^|[_/.-])(?:acc\d?|accuracy|accuracies|top_?\d|prec\d?|f1|bleu(?:[_-]?\d)?|rouge\w*|cider|spice|meteor|exact_match|em|precision|recall|auc|auroc|auprc?|roc_auc|pr_auc|m?ap\d*|lwlrap|ndcg|mrr|kappa|m?iou|dice|psnr|ssim|fitness|returns?|rewards?|margins?|win_rate|pass@\d+|score)(?:$|[_/.(-])/;

/** Which end of a metric is the good one, by its name; undefined where the name does not say. */
export function betterEnd(key: string): "lowest" | "highest" | undefined {
  const name = key.toLowerCase();
  // `rewards/rejected` is a reward, and better when low; nobody can tell from `score_std`.
  if (/rejected|(?:^|[_/.-])std(?:$|[_/.-])/.test(name)) return undefined;
  if (lowerIsBetter.test(name)) return "lowest";
  return higherIsBetter.test(name) ? "highest" : undefined;
}
