import type * as vscode from "vscode";
import type { ChartChoices } from "../../protocol/chartCalls";

const choicesKey = "checkpointExplorer.chartChoices";
const stylesKey = "checkpointExplorer.runStyles";

/** A name is as long as a log wants it, and there may be any number. */
const maxKeptMetrics = 500;
const maxKeptStyles = 500;

/** What the next chart of this workspace should look like: the reader's choices, and each run's own colour. */
export class ChartMemory {
  constructor(private readonly memento: vscode.Memento) {}

  get(): ChartChoices | undefined {
    return this.memento.get<ChartChoices>(choicesKey);
  }

  async set(choices: ChartChoices): Promise<void> {
    const few = <T>(record: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(record).slice(-maxKeptMetrics));
    await this.memento.update(choicesKey, {
      ...choices,
      hidden: choices.hidden.slice(-maxKeptMetrics),
      smoothed: few(choices.smoothed),
      folded: few(choices.folded),
    });
  }

  /**
   * A style for each of the runs that are charted together: the one it has in `current`, else its own from before,
   * where no other has it.
   */
  async stylesOf(runs: readonly string[], current: ReadonlyMap<string, number>): Promise<readonly number[]> {
    const kept = new Map(this.memento.get<readonly (readonly [run: string, style: number])[]>(stylesKey, []));
    const styles = assignStyles(runs, new Map([...kept, ...current]));
    // A run by itself is drawn in the first colour, which says nothing about it.
    if (runs.length < 2) return styles;
    runs.forEach((run, index) => {
      const own = kept.get(run) ?? styles[index] ?? 0;
      // The last one used stays longest.
      kept.delete(run);
      kept.set(run, own);
    });
    await this.memento.update(stylesKey, [...kept].slice(-maxKeptStyles));
    return styles;
  }
}

/** The lowest free number for a run that has none, or whose own another one of these has. */
export function assignStyles(runs: readonly string[], known: ReadonlyMap<string, number>): number[] {
  const taken = new Set<number>();
  const styles = runs.map((run) => {
    const own = known.get(run);
    if (own === undefined || taken.has(own)) return undefined;
    taken.add(own);
    return own;
  });
  return styles.map((style) => {
    if (style !== undefined) return style;
    let free = 0;
    while (taken.has(free)) free++;
    taken.add(free);
    return free;
  });
}
