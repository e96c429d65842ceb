import { statSync } from "node:fs";
import * as vscode from "vscode";
import { compareProblems, faultsAmong, type Problem } from "../../core/problem/problem";

const storageKey = "checkpointExplorer.scans";

interface RememberedScan {
  readonly path: string;
  /** Size and time of change: another file has other numbers. */
  readonly identity: string;
  readonly problems: readonly Problem[];
}

const mostRemembered = 200;
const mostProblems = 5;

/** What scans found wrong with checkpoints, for the rows of the tree, as long as the file stays as it was. */
export class ScanMemory {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  /** @param folder where whole scans are kept. */
  constructor(
    private readonly memento: vscode.Memento,
    readonly folder: string,
  ) {}

  async remember(path: string, problems: readonly Problem[]): Promise<void> {
    const identity = identityOf(path);
    if (identity === undefined) return;
    const serious = faultsAmong(problems).toSorted(compareProblems);
    const others = this.scans().filter((scan) => scan.path !== path);
    const scan = { path, identity, problems: serious.slice(0, mostProblems) };
    await this.memento.update(storageKey, [...others, scan].slice(-mostRemembered));
    this.changed.fire();
  }

  problemsOf(path: string): readonly Problem[] {
    const scan = this.scans().find((known) => known.path === path);
    return scan !== undefined && scan.identity === identityOf(path) ? scan.problems : [];
  }

  dispose(): void {
    this.changed.dispose();
  }

  private scans(): readonly RememberedScan[] {
    return this.memento.get<readonly RememberedScan[]>(storageKey, []);
  }
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.size}:${found.mtimeMs}`;
}
