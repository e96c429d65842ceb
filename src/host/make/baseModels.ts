import type * as vscode from "vscode";
import type { RunsModel } from "../runs/runsModel";
import { pickCheckpoint } from "./pickCheckpoint";

const storageKey = "checkpointExplorer.baseModels";

type Choices = readonly (readonly [adapter: string, base: string])[];

/** How many choices are remembered; the oldest goes first. */
const maxChoices = 200;

/** The base models that the user chose for adapters of this workspace, by the adapter's path. */
export class BaseModels {
  constructor(
    private readonly memento: vscode.Memento,
    private readonly runs: RunsModel,
  ) {}

  /** Undefined where the user chose none. */
  get(adapter: string): string | undefined {
    return this.choices().find(([known]) => known === adapter)?.[1];
  }

  /** Asks for the base model of an adapter and remembers it. */
  async choose(adapter: string): Promise<string | undefined> {
    const base = await pickCheckpoint(this.runs, {
      title: "Base model of this adapter",
      placeHolder: "The model that its updates are added to",
      exclude: [adapter],
    });
    if (base === undefined) return undefined;
    const others = this.choices().filter(([known]) => known !== adapter);
    await this.memento.update(storageKey, [...others, [adapter, base]].slice(-maxChoices));
    return base;
  }

  private choices(): Choices {
    return this.memento.get<Choices>(storageKey, []);
  }
}
