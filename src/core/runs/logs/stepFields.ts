/** Fields that count optimizer steps, the surest first; an epoch is better than nothing. */
const stepFields = [
  "step",
  "global_step",
  "train/global_step",
  "trainer/global_step",
  "_step",
  "current_steps",
  "time/total_timesteps",
  "total_timesteps",
  "timesteps_total",
  "num_env_steps_sampled_lifetime",
  "totalenvinteracts",
  "iteration",
  "iter",
  "iters",
  "iter_num",
  // fairseq's `update` is a share of the epoch.
  "num_updates",
  "update",
  "steps",
  "batch",
  // StyleGAN counts the thousands of images that it saw.
  "Progress/kimg/mean",
  "epoch",
] as const;

/** Of the names of a row, the one that is its place on the axis. */
export function stepFieldOf(has: (name: string) => boolean): string | undefined {
  return stepFields.find(has);
}

/** The same for a list of column names, whatever their case. */
export function stepColumnOf(names: readonly string[]): number {
  const lower = names.map((name) => name.toLowerCase());
  for (const field of stepFields) {
    const index = lower.indexOf(field);
    if (index >= 0) return index;
  }
  return -1;
}
