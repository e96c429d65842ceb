import * as vscode from "vscode";
import type { BaseFacts } from "../../protocol/checkpointCalls";
import type { WorkerClient } from "../analysis/workerClient";
import { confirm } from "../messages";
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
    private readonly worker: Pick<WorkerClient, "call">,
  ) {}

  /** Undefined where the user chose none. */
  get(adapter: string): string | undefined {
    return this.choices().find(([known]) => known === adapter)?.[1];
  }

  /** What is known of an adapter's base besides its configuration. */
  facts(adapter: string): BaseFacts {
    const roots = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
    return { chosen: this.get(adapter), roots: roots.map(({ uri }) => uri.fsPath) };
  }

  /** Asks for the base model of an adapter and remembers it; one that does not fit only where that is confirmed. */
  async choose(adapter: string): Promise<string | undefined> {
    const base = await pickCheckpoint(this.runs, {
      title: "Base model of this adapter",
      placeHolder: "The model that its updates are added to",
      exclude: [adapter],
      use: "model",
    });
    if (base === undefined || !(await this.isWanted(adapter, base))) return undefined;
    const others = this.choices().filter(([known]) => known !== adapter);
    await this.memento.update(storageKey, [...others, [adapter, base]].slice(-maxChoices));
    return base;
  }

  private async isWanted(adapter: string, base: string): Promise<boolean> {
    const problems = await this.worker.call("baseFit", { adapter: { path: adapter }, base });
    const [first] = problems;
    if (first === undefined) return true;
    const detail = problems.map(({ message }) => message).join("\n\n");
    const question =
      first.severity === "error"
        ? "The adapter does not fit this base model. Keep it as its base?"
        : "The adapter may not fit this base model. Keep it as its base?";
    return confirm(question, detail, "Keep It");
  }

  private choices(): Choices {
    return this.memento.get<Choices>(storageKey, []);
  }
}
