/** What other libraries count their steps in; wandb's own `_step` counts calls of `log`. */
const knownSteps = ["train/global_step", "trainer/global_step", "global_step"] as const;

/** `define_metric(name, step_metric=…)`: which metric is the axis of which. */
export class WandbSteps {
  private readonly byName = new Map<string, string>();
  private readonly byGlob: { readonly glob: string; readonly step: string }[] = [];
  private readonly lastValues = new Map<string, number>();

  define(name: string, glob: string, step: string): void {
    if (step === "") return;
    if (name !== "") this.byName.set(name, step);
    else if (glob !== "") this.byGlob.push({ glob, step });
  }

  isStep(name: string): boolean {
    return (knownSteps as readonly string[]).includes(name) || this.lastValues.has(name);
  }

  /** Remembers where the axes of a row stand. */
  note(values: ReadonlyMap<string, number>): void {
    const defined = [...this.byName.values(), ...this.byGlob.map(({ step }) => step)];
    for (const name of new Set([...knownSteps, ...defined])) {
      const value = values.get(name);
      if (value !== undefined) this.lastValues.set(name, value);
    }
  }

  /** The place of a metric on its own axis; where that was not in the row, where it stood last. */
  stepOf(metric: string, ownStep: number): number {
    const axis = this.axisOf(metric);
    return (axis === undefined ? undefined : this.lastValues.get(axis)) ?? ownStep;
  }

  fork(): WandbSteps {
    const copy = new WandbSteps();
    for (const [name, step] of this.byName) copy.byName.set(name, step);
    copy.byGlob.push(...this.byGlob);
    for (const [name, value] of this.lastValues) copy.lastValues.set(name, value);
    return copy;
  }

  private axisOf(metric: string): string | undefined {
    const named = this.byName.get(metric);
    if (named !== undefined) return named;
    const globbed = this.byGlob.find(({ glob }) => matchesGlob(metric, glob))?.step;
    return globbed ?? knownSteps.find((name) => this.lastValues.has(name));
  }
}

/** wandb allows one star, at the end. */
function matchesGlob(name: string, glob: string): boolean {
  return glob.endsWith("*") ? name.startsWith(glob.slice(0, -1)) : name === glob;
}
