import * as vscode from "vscode";
import { partLabels } from "../../core/checkpoint/parts";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { type RunNode, toTreeItem } from "./runNodes";
import type { RunsModel } from "./runsModel";

export const runsViewId = "checkpointExplorer.runs";

/** Workspace → run → checkpoint → parts. The workspace level is there only where there are several. */
export class RunsTree implements vscode.TreeDataProvider<RunNode> {
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly model: RunsModel) {
    model.onDidChange(() => this.changed.fire(undefined));
  }

  getTreeItem(node: RunNode): vscode.TreeItem {
    return toTreeItem(node);
  }

  async getChildren(parent?: RunNode): Promise<RunNode[]> {
    if (parent === undefined) return this.topLevel();
    switch (parent.kind) {
      case "root":
        return parent.runs.map(runNode);
      case "run":
        return parent.run.checkpoints.map((checkpoint) => ({
          kind: "checkpoint",
          run: parent.run,
          checkpoint,
        }));
      case "checkpoint":
        return partNodes(parent.checkpoint);
      case "part":
        return [];
    }
  }

  /** Asked for when a row is revealed, which is done with the topmost only. */
  getParent(): undefined {
    return undefined;
  }

  private async topLevel(): Promise<RunNode[]> {
    const { runs } = await this.model.current();
    const roots = [...new Set(runs.map((run) => run.rootName))];
    if (roots.length <= 1) return runs.map(runNode);
    return roots.map((name) => ({ kind: "root", name, runs: runs.filter((run) => run.rootName === name) }));
  }
}

function runNode(run: Run): RunNode {
  return { kind: "run", run };
}

function partNodes(checkpoint: RunCheckpoint): RunNode[] {
  return checkpoint.parts.map(({ part, path, size }) => ({
    kind: "part",
    label: partLabels[part],
    path,
    bytes: size,
  }));
}
