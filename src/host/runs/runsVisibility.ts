import * as vscode from "vscode";

/** Who looks at the runs at the moment: where nobody does, nothing is read. */
export class RunsVisibility {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Somebody began or stopped looking. */
  readonly onDidChange = this.changed.event;
  private readonly lookers = new Set<() => boolean>();

  /** @param isLooking asked whenever something could be done for this looker. */
  add(isLooking: () => boolean): void {
    this.lookers.add(isLooking);
  }

  isHeld(): boolean {
    return [...this.lookers].some((isLooking) => isLooking());
  }

  notify(): void {
    this.changed.fire();
  }

  dispose(): void {
    this.changed.dispose();
  }
}
