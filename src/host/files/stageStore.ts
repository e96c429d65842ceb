import * as vscode from "vscode";
import type { UserStages } from "../../protocol/checkpointCalls";

const storageKey = "checkpointExplorer.stages";

/** The stages that the user gave to checkpoints of this workspace, by path. */
export class StageStore {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly memento: vscode.Memento) {}

  /** As pairs, since a path is data and never a property name. */
  entries(): UserStages {
    return this.memento.get<UserStages>(storageKey, []);
  }

  get(path: string): string | undefined {
    return this.entries().find(([known]) => known === path)?.[1];
  }

  async set(paths: readonly string[], stage: string | undefined): Promise<void> {
    if (paths.length === 0) return;
    const others = this.entries().filter(([known]) => !paths.includes(known));
    const given = stage === undefined ? [] : paths.map((path) => [path, stage]);
    await this.memento.update(storageKey, [...others, ...given]);
    this.changed.fire();
  }

  dispose(): void {
    this.changed.dispose();
  }
}
