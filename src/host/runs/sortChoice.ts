import * as vscode from "vscode";
import { type CheckpointOrder, checkpointOrders } from "../../core/runs/discover/checkpointOrder";
import { onSortSettingsChanged, type RunSorting, runSorting } from "../settings";

const storageKey = "checkpointExplorer.runSorting";

const orderNames: Readonly<Record<CheckpointOrder, readonly [usual: string, reversed: string]>> = {
  step: ["", "last step first"],
  loss: ["lowest loss first", "highest loss first"],
  evalLoss: ["lowest eval loss first", "highest eval loss first"],
  time: ["newest first", "oldest first"],
  name: ["by name", "by name, reversed"],
};

/** How the user wants the runs in order: chosen in the view's menu and kept for the workspace, else by the settings. */
export class SortChoice {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly settingsListener: vscode.Disposable;

  constructor(private readonly memento: vscode.Memento) {
    // Who changes the setting wants to see it, whatever was chosen before.
    this.settingsListener = onSortSettingsChanged(() => void this.keep(undefined));
  }

  get current(): RunSorting {
    return readSorting(this.memento.get<unknown>(storageKey)) ?? runSorting();
  }

  /** Empty for the usual order. */
  get description(): string {
    const { order, reversed } = this.current;
    return orderNames[order][reversed ? 1 : 0];
  }

  /** The same order once more turns it round, as a click on the head of a column does. */
  async choose(order: CheckpointOrder): Promise<void> {
    const { current } = this;
    await this.keep({ order, reversed: current.order === order && !current.reversed });
  }

  dispose(): void {
    this.settingsListener.dispose();
    this.changed.dispose();
  }

  private async keep(sorting: RunSorting | undefined): Promise<void> {
    await this.memento.update(storageKey, sorting);
    this.changed.fire();
  }
}

function readSorting(kept: unknown): RunSorting | undefined {
  if (typeof kept !== "object" || kept === null || !("order" in kept) || !("reversed" in kept))
    return undefined;
  const order = checkpointOrders.find((known) => known === kept.order);
  return order === undefined ? undefined : { order, reversed: kept.reversed === true };
}
