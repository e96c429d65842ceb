/**
 * A metric's name as trainer_state.json has it, from the name under which the Trainer's callbacks pass it on
 * to TensorBoard and wandb: `eval_x` became `eval/x`, `test_x` `test/x`, everything else `train/x`.
 */
function trainerMetricName(name: string): string {
  const [, set, rest] = /^(train|eval|test)\/(.+)$/s.exec(name) ?? [];
  if (set === undefined || rest === undefined) return name;
  return set === "train" ? rest : `${set}_${rest}`;
}

/** The same, for the names of other trainings too. */
export function spelledOutTrainerName(name: string): string {
  return spelledOut(trainerMetricName(name));
}

/** Short for the metric that every chart shows beside the loss. */
export function spelledOut(name: string): string {
  return name === "lr" ? "learning_rate" : name;
}

/**
 * Gives each logged name its own key. Where a log has both `loss` and `train/loss`, the one that comes first
 * is
 * `loss` and the other keeps its name: two metrics never become one.
 */
export class MetricNames {
  private readonly keys = new Map<string, string>();
  private readonly taken = new Set<string>();

  constructor(private readonly translate: (name: string) => string) {}

  keyOf(name: string): string {
    const known = this.keys.get(name);
    if (known !== undefined) return known;
    const wanted = this.translate(name);
    let key = this.taken.has(wanted) ? name : wanted;
    while (this.taken.has(key)) key += "'";
    this.keys.set(name, key);
    this.taken.add(key);
    return key;
  }

  fork(): MetricNames {
    const copy = new MetricNames(this.translate);
    for (const [name, key] of this.keys) {
      copy.keys.set(name, key);
      copy.taken.add(key);
    }
    return copy;
  }
}
