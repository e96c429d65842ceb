/** What a metric measures: the training itself, an evaluation, or neither (speed, counters). */
export type MetricKind = "train" | "eval" | "other";

export interface MetricDescription {
  readonly group: string;
  readonly label: string;
  readonly kind: MetricKind;
}

/** What people look at first, in that order. */
const mainMetrics: ReadonlyMap<string, MetricDescription> = new Map([
  ["loss", { group: "main", label: "Loss", kind: "train" }],
  ["eval_loss", { group: "main", label: "Eval loss", kind: "eval" }],
  ["learning_rate", { group: "main", label: "Learning rate", kind: "train" }],
  ["grad_norm", { group: "main", label: "Gradient norm", kind: "train" }],
]);

/** Throughput and counters say nothing about how well the model learns. */
const speed = /(?:^|[_/])(?:runtime|[a-z]+_per_second(?:_.*)?|[a-z]+_compilation_time)$/;
const counter = /^total_flos$|^num_(?:input_)?tokens(?:_seen)?$/;
const evaluation = /^(?:eval|val|valid|validation|test|predict)[_/]/;

/**
 * Family and label of a logged name. Families are prefixes: `rewards/chosen` belongs to `rewards`,
 * `eval_rewards/margins` to `eval_rewards`, `eval_accuracy` to `eval` (formats.md §4, TRL's names).
 */
export function describeMetric(key: string): MetricDescription {
  const main = mainMetrics.get(key);
  if (main !== undefined) return main;
  if (speed.test(key) || counter.test(key)) return { group: "speed", label: key, kind: "other" };
  const prefix = evaluation.exec(key)?.[0].slice(0, -1);
  const slash = key.indexOf("/");
  const group =
    slash > 0 ? key.slice(0, slash) : (prefix ?? (key.startsWith("train_") ? "train" : "training"));
  return { group, label: key, kind: prefix === undefined ? "train" : "eval" };
}

/** Names of what is chosen before a training: a table of results may repeat it in each row. */
const settings =
  /(?:^|[_/.])(?:hidden_?(?:size|dim|units?)|(?:batch|vocab|window|context|kernel|patch|image|img|input|output|train|test|val|embed(?:ding)?)_?size|(?:embed(?:ding)?|model|latent|input|output)_dim|d_model|(?:n|num)_(?:layers?|heads?|classes|features|params|parameters|workers|gpus|epochs|samples|clients)|seed|dropout|weight_decay|momentum|patience|(?:max|total)_epochs|(?:max_)?seq_?len(?:gth)?|fold|world_size)$/i;

/** Whether a column only repeats what the training was set to: it never changes, and its name is of a setting. */
export function isSetting(key: string, values: ArrayLike<number>): boolean {
  if (!settings.test(key)) return false;
  for (let at = 1; at < values.length; at++) if (values[at] !== values[0]) return false;
  return true;
}

/** Sort key: main metrics in their order, then families, speed last. */
export function metricRank(key: string): number {
  const main = [...mainMetrics.keys()].indexOf(key);
  if (main >= 0) return main;
  return describeMetric(key).group === "speed" ? mainMetrics.size + 1 : mainMetrics.size;
}
