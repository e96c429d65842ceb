import type { NameSeparator } from "./nameOrder";
import type { TensorTable } from "./tensorTable";

/** A module (a common path of several tensors) or a tensor, as one row of the tree. */
export interface TreeNode {
  /** Full path of the module or name of the tensor; with `tensorRow` it identifies the node. */
  readonly path: string;
  /** The part of the path below the parent; chains of only children are one node, as in VS Code's explorer. */
  readonly label: string;
  readonly depth: number;
  /** Row of the table for a tensor, undefined for a module. */
  readonly tensorRow: number | undefined;
  /** The tensors below, as a range of the tree's rows. */
  readonly from: number;
  readonly to: number;
  readonly parameters: number;
  readonly byteSize: number;
}

/**
 * The module tree of a set of tensors. Rows must be in name order (see compareNames), so that a module is a
 * range: a node costs nothing until its parent is expanded, and 89,088 tensors need no tree in memory.
 */
export class TensorTree {
  private readonly parameterSums: Float64Array;
  private readonly byteSums: Float64Array;

  constructor(
    private readonly table: TensorTable,
    private readonly rows: Uint32Array,
    private readonly separator: NameSeparator,
  ) {
    this.parameterSums = new Float64Array(rows.length + 1);
    this.byteSums = new Float64Array(rows.length + 1);
    for (const [index, row] of rows.entries()) {
      this.parameterSums[index + 1] = (this.parameterSums[index] ?? 0) + table.parameters(row);
      this.byteSums[index + 1] = (this.byteSums[index] ?? 0) + table.byteSize(row);
    }
  }

  /** The rows to show, depth first: children of a module only where `isExpanded` says so. */
  visibleNodes(isExpanded: (path: string) => boolean): TreeNode[] {
    const visible: TreeNode[] = [];
    const pending: TreeNode[] = [];
    // Not push(...children): a flat file with 500,000 tensors would overflow the stack.
    const visitLater = (nodes: readonly TreeNode[]) => {
      for (let index = nodes.length - 1; index >= 0; index--) pending.push(nodes[index] as TreeNode);
    };
    visitLater(this.children(undefined));
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      visible.push(node);
      if (node.tensorRow === undefined && isExpanded(node.path)) visitLater(this.children(node));
    }
    return visible;
  }

  /** Rows of the table that are below a node. */
  rowsOf({ from, to }: TreeNode): Uint32Array {
    return this.rows.subarray(from, to);
  }

  /** The children of a module, or the roots. */
  children(parent: TreeNode | undefined): TreeNode[] {
    const prefixLength = parent === undefined ? 0 : parent.path.length + 1;
    const depth = parent === undefined ? 0 : parent.depth + 1;
    const end = parent?.to ?? this.rows.length;
    const nodes: TreeNode[] = [];
    for (let from = parent?.from ?? 0; from < end; ) {
      const node = this.nodeAt(from, end, prefixLength, depth);
      nodes.push(node);
      from = node.to;
    }
    return nodes;
  }

  private nodeAt(from: number, end: number, prefixLength: number, depth: number): TreeNode {
    const name = this.nameAt(from);
    let separatorAt = name.indexOf(this.separator, prefixLength);
    if (separatorAt < 0) return this.node(name, prefixLength, depth, from, from + 1, this.rows[from]);
    const to = this.rangeEnd(from, end, name, separatorAt + 1);
    // One tensor alone in a module is shown as that tensor, with the module in its label.
    if (to === from + 1) return this.node(name, prefixLength, depth, from, to, this.rows[from]);
    // A module whose only child is a module says nothing by itself: show both as one. Its first and last names
    // tell, since what lies between them in order has their common prefix too.
    const last = this.nameAt(to - 1);
    for (;;) {
      const next = name.indexOf(this.separator, separatorAt + 1);
      if (next < 0 || !sharesPrefix(name, last, separatorAt + 1, next + 1)) break;
      separatorAt = next;
    }
    return this.node(name.slice(0, separatorAt), prefixLength, depth, from, to, undefined);
  }

  /**
   * First index from which on names no longer begin as `name` does in its first `length` characters. They are
   * contiguous: double the step while they do, since most modules are small, then halve the range.
   */
  private rangeEnd(from: number, end: number, name: string, length: number): number {
    const prefix = name.slice(0, length);
    let low = from + 1;
    let step = 1;
    while (low + step < end && this.nameAt(low + step).startsWith(prefix)) {
      low += step + 1;
      step *= 2;
    }
    let high = Math.min(end, low + step);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.nameAt(middle).startsWith(prefix)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private nameAt(index: number): string {
    return this.table.name(this.rows[index] ?? -1);
  }

  private node(
    path: string,
    prefixLength: number,
    depth: number,
    from: number,
    to: number,
    tensorRow: number | undefined,
  ): TreeNode {
    return {
      path,
      label: path.slice(prefixLength),
      depth,
      tensorRow,
      from,
      to,
      parameters: (this.parameterSums[to] ?? 0) - (this.parameterSums[from] ?? 0),
      byteSize: (this.byteSums[to] ?? 0) - (this.byteSums[from] ?? 0),
    };
  }
}

function sharesPrefix(a: string, b: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (a.charCodeAt(at) !== b.charCodeAt(at)) return false;
  return true;
}
