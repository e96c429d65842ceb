const lowerIsBetter =
  /(?:^|[_/.-])(?:loss|nll|perplexity|ppl|cross_entropy|error|err|wer|cer|mae|mse|rmse|kl|divergence)(?:$|[_/.-])/;
const higherIsBetter =
  /(?:^|[_/.-])(?:acc|accuracy|accuracies|f1|bleu|rouge\w*|meteor|exact_match|em|precision|recall|auc|map|ndcg|rewards?|margins?|win_rate|pass@\d+|score)(?:$|[_/.-])/;

/** Which end of a metric is the good one, by its name; undefined where the name does not say. */
export function betterEnd(key: string): "lowest" | "highest" | undefined {
  const name = key.toLowerCase();
  // `rewards/rejected` is a reward, and better when low; nobody can tell from `score_std`.
  if (/rejected|(?:^|[_/.-])std(?:$|[_/.-])/.test(name)) return undefined;
  if (lowerIsBetter.test(name)) return "lowest";
  return higherIsBetter.test(name) ? "highest" : undefined;
}
