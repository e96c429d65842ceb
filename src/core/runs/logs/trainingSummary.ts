/** `train_runtime` is written only when training ends; `train_loss` alone may be somebody's own metric. */
export function isTrainingSummary(values: { has(name: string): boolean }): boolean {
  return values.has("train_runtime") || (values.has("train_loss") && values.has("total_flos"));
}
