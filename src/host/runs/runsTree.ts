import * as vscode from "vscode";
import { sameItems } from "../../core/lists/sameItems";
import { partLabels } from "../../core/parts/parts";
import { mergeProblems } from "../../core/problem/problem";
import { orderCheckpoints, orderRuns } from "../../core/runs/discover/checkpointOrder";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { rowNames } from "../../core/runs/status/runRows";
import type { ScanMemory } from "../analysis/scanMemory";
import { shownMetrics } from "../settings";
import { type RowOptions, type RunNode, tooltipOf, toTreeItem } from "./runNodes";
import type { RunsModel } from "./runsModel";
import type { SortChoice } from "./sortChoice";

/** What a row looked like and what was below it when VS Code last asked. */
interface ShownRow {
  readonly node: RunNode;
  looks: string;
  children: readonly string[] | undefined;
}

/** More runs are shown closed. */
const mostExpandedRuns = 50;

/**
 * Workspace → run → checkpoint → parts. The workspace level is there only where there are several. When the runs
 * change, only rows that look different are drawn anew: what is selected and expanded stays so.
 */
export class RunsTree implements vscode.TreeDataProvider<RunNode> {
  private readonly changed = new vscode.EventEmitter<RunNode | RunNode[] | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly rows = new Map<string, ShownRow>();
  private top: readonly string[] | undefined;

  constructor(
    private readonly model: RunsModel,
    private readonly sorting: SortChoice,
    private readonly scans: ScanMemory,
    /** Somebody points at a row: a question is near. */
    private readonly warm: () => void,
  ) {
    scans.onDidChange(() => void this.update());
    model.onDidUpdate(() => void this.update());
    sorting.onDidChange(() => void this.update());
  }

  getTreeItem(node: RunNode): vscode.TreeItem {
    const item = toTreeItem(node, this.rowOptions());
    const row = this.rows.get(node.id);
    if (row !== undefined) row.looks = looksOf(item);
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, node: RunNode): vscode.TreeItem {
    this.warm();
    const tooltip = tooltipOf(node, Date.now());
    if (tooltip !== undefined) item.tooltip = tooltip;
    return item;
  }

  async getChildren(parent?: RunNode): Promise<RunNode[]> {
    if (parent === undefined) {
      const top = await this.topLevel();
      this.top = idsOf(top);
      return top;
    }
    const children = this.childrenOf(parent);
    const row = this.rows.get(parent.id);
    if (row !== undefined) row.children = idsOf(children);
    return children;
  }

  /** Asked for when a row is revealed. */
  getParent(node: RunNode): RunNode | undefined {
    switch (node.kind) {
      case "root":
        return undefined;
      case "run":
        return this.rows.get(`root:${node.run.rootName}`)?.node;
      case "checkpoint":
        return this.rows.get(`run:${node.run.id}`)?.node;
      case "part":
        return undefined;
    }
  }

  /** The row of a checkpoint; undefined where no run holds it. */
  async rowOf(path: string): Promise<RunNode | undefined> {
    for (const top of await this.getChildren()) {
      const runs = top.kind === "root" ? await this.getChildren(top) : [top];
      for (const run of runs) {
        if (run.kind === "run" && !run.run.checkpoints.some((one) => one.path === path)) continue;
        const rows = await this.getChildren(run);
        const found = rows.find((row) => row.kind === "checkpoint" && row.checkpoint.path === path);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** Rows that look different now are drawn anew; what is new or gone is told to the row above it. */
  async update(): Promise<void> {
    // Nobody has looked yet.
    if (this.top === undefined) return;
    const top = await this.topLevel();
    if (!sameItems(this.top, idsOf(top))) {
      this.changed.fire(undefined);
      return;
    }
    const stale: RunNode[] = [];
    const options = this.rowOptions();
    for (const node of top) this.collectStale(node, options, stale);
    if (stale.length > 0) this.changed.fire(stale);
  }

  private collectStale(node: RunNode, options: RowOptions, stale: RunNode[]): void {
    const row = this.rows.get(node.id);
    if (row === undefined) return;
    const known = row.children;
    const children = known === undefined ? undefined : this.childrenOf(node);
    const isStale =
      row.looks !== looksOf(toTreeItem(node, options)) ||
      (children !== undefined && !sameItems(known ?? [], idsOf(children)));
    // VS Code asks for all that is below such a row again.
    if (isStale) stale.push(node);
    else for (const child of children ?? []) this.collectStale(child, options, stale);
  }

  private async topLevel(): Promise<RunNode[]> {
    const { runs } = await this.model.current();
    const { order, reversed } = this.sorting.current;
    const roots = [...new Set(runs.map((run) => run.rootName))];
    const nodes =
      roots.length <= 1
        ? orderRuns(runs, order, reversed).map((run) => this.runNode(run))
        : roots.map((name) => this.rootNode(name, orderRuns(ofRoot(runs, name), order, reversed)));
    this.forgetAllBut(runs);
    return nodes;
  }

  private childrenOf(parent: RunNode): RunNode[] {
    switch (parent.kind) {
      case "root":
        return parent.runs.map((run) => this.runNode(run));
      case "run":
        return this.checkpointNodes(parent.run);
      case "checkpoint":
        return this.partNodes(parent.id, parent.checkpoint);
      case "part":
        return [];
    }
  }

  private rootNode(name: string, runs: readonly Run[]): RunNode {
    const node = this.node({ kind: "root", id: `root:${name}`, name, runs });
    if (node.kind === "root") node.runs = runs;
    return node;
  }

  private runNode(run: Run): RunNode {
    const node = this.node({ kind: "run", id: `run:${run.id}`, run });
    if (node.kind === "run") node.run = run;
    return node;
  }

  /** With what a scan of its values found wrong. */
  private withScan(checkpoint: RunCheckpoint): RunCheckpoint {
    const { mainFile } = checkpoint;
    const found = mainFile === undefined ? [] : this.scans.problemsOf(mainFile);
    if (found.length === 0) return checkpoint;
    return { ...checkpoint, problems: mergeProblems(checkpoint.problems, found) };
  }

  private checkpointNodes(run: Run): RunNode[] {
    const { order, reversed } = this.sorting.current;
    const names = rowNames(run);
    return orderCheckpoints(run.checkpoints, order, reversed).map((checkpoint) => {
      const id = checkpointId(run, checkpoint.path);
      const name = names.get(checkpoint) ?? checkpoint.name;
      const shown = this.withScan(checkpoint);
      const node = this.node({ kind: "checkpoint", id, run, checkpoint: shown, name });
      if (node.kind === "checkpoint") Object.assign(node, { run, checkpoint: shown, name });
      return node;
    });
  }

  private partNodes(checkpointId: string, { parts }: RunCheckpoint): RunNode[] {
    return parts.map(({ part, path, size }) => {
      const label = partLabels[part];
      const node = this.node({ kind: "part", id: partId(checkpointId, path), label, path, bytes: size });
      if (node.kind === "part") Object.assign(node, { label, bytes: size });
      return node;
    });
  }

  /** The row that VS Code knows by this id, or this one. */
  private node(fresh: RunNode): RunNode {
    const known = this.rows.get(fresh.id);
    if (known !== undefined) return known.node;
    this.rows.set(fresh.id, { node: fresh, looks: "", children: undefined });
    return fresh;
  }

  private rowOptions(): RowOptions {
    const expandsRuns = this.model.known.runs.length <= mostExpandedRuns;
    return { metrics: shownMetrics(), nowMs: Date.now(), expandsRuns };
  }

  /** A training that tidies up after itself for days must not fill the map; some rows too many are no harm. */
  private forgetAllBut(runs: readonly Run[]): void {
    if (this.rows.size < 2 * runs.length + 1000) return;
    const ids = new Set<string>();
    for (const run of runs) {
      ids.add(`root:${run.rootName}`).add(`run:${run.id}`);
      for (const { path, parts } of run.checkpoints) {
        const id = checkpointId(run, path);
        ids.add(id);
        for (const part of parts) ids.add(partId(id, part.path));
      }
    }
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
  }
}

function checkpointId(run: Run, path: string): string {
  return `checkpoint:${run.id}:${path}`;
}

function partId(checkpoint: string, path: string): string {
  return `part:${checkpoint}:${path}`;
}

function ofRoot(runs: readonly Run[], name: string): readonly Run[] {
  return runs.filter((run) => run.rootName === name);
}

function idsOf(nodes: readonly RunNode[]): readonly string[] {
  return nodes.map(({ id }) => id);
}

/** All of a row that can be seen or chosen by. */
function looksOf({
  label,
  description,
  iconPath,
  contextValue,
  collapsibleState,
  command,
}: vscode.TreeItem): string {
  const icon = iconPath instanceof vscode.ThemeIcon ? [iconPath.id, iconPath.color?.id] : [];
  const opens =
    command?.arguments?.[0] instanceof vscode.Uri ? command.arguments[0].fsPath : command?.command;
  return JSON.stringify([label, description, icon, contextValue, collapsibleState, opens]);
}
