import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ContentNode } from "../../../src/core/content/contentTree";
import { sharedWrapperPrefix, withoutPrefix } from "../../../src/core/content/keyPrefixes";
import { isAbortError } from "../../../src/protocol/channel";
import type { EditorHost } from "../editorHost";
import type { ContentViewState } from "../viewState";

/** Children of a value that have arrived. */
interface Children {
  readonly nodes: readonly ContentNode[];
  readonly total: number;
  /** What all their keys begin with that tells of a wrapper. */
  readonly prefix: string;
  readonly waiting: boolean;
  readonly failure?: string;
}

export type ContentRow =
  | {
      readonly kind: "node";
      /** Positions from the root on, joined by dots. */
      readonly id: string;
      readonly depth: number;
      readonly node: ContentNode;
      readonly label: string;
    }
  /** In place of children that are not there yet. */
  | {
      readonly kind: "more" | "waiting" | "failed";
      readonly id: string;
      readonly depth: number;
      /** Whose children. */
      readonly parent: string;
      readonly left: number;
      readonly message?: string;
    };

/** The tree of what a file holds. Children are asked for when their row is opened, a page at a time. */
export class ContentModel {
  readonly opened: Signal<ReadonlySet<string>>;
  readonly selected: Signal<string | undefined>;
  readonly hidePrefixes: Signal<boolean>;
  /** Name of the folder's file that is shown; undefined for the one that is open. */
  readonly file: Signal<string | undefined>;
  /** The value as a whole, of another file than the one that is open. */
  readonly root: Signal<ContentNode | undefined> = signal(undefined);
  private readonly children: Signal<ReadonlyMap<string, Children>> = signal(new Map());
  private asking = new AbortController();

  readonly rows: ReadonlySignal<readonly ContentRow[]>;
  /** Prefixes that could be hidden, e.g. "module.". */
  readonly prefixes: ReadonlySignal<readonly string[]>;

  constructor(
    private readonly host: EditorHost,
    viewState: ContentViewState,
  ) {
    this.opened = signal(new Set(viewState.opened));
    this.selected = signal(viewState.selected);
    this.hidePrefixes = signal(viewState.hidePrefixes);
    this.file = signal(viewState.file);
    this.rows = computed(() => {
      const rows: ContentRow[] = [];
      this.addRows("", 0, rows);
      return rows;
    });
    this.prefixes = computed(() => {
      const found = [...this.children.value.values()].map(({ prefix }) => prefix);
      return [...new Set(found)].filter((prefix) => prefix !== "");
    });
  }

  viewState(): ContentViewState {
    return {
      opened: [...this.opened.value],
      selected: this.selected.value,
      hidePrefixes: this.hidePrefixes.value,
      ...(this.file.value === undefined ? {} : { file: this.file.value }),
    };
  }

  /** Asks for what is to be seen and is not there. */
  ensureLoaded(): void {
    if (!this.children.value.has("")) void this.load("");
  }

  /** Shows another file of the checkpoint's folder. */
  show(file: string | undefined): void {
    if (file === this.file.value) return;
    batch(() => {
      this.invalidate();
      this.file.value = file;
      this.opened.value = new Set();
      this.selected.value = undefined;
    });
    this.ensureLoaded();
  }

  setOpen(id: string, open: boolean): void {
    const opened = new Set(this.opened.value);
    if (open) opened.add(id);
    else opened.delete(id);
    batch(() => {
      this.opened.value = opened;
      if (open && !this.children.value.has(id)) void this.load(id);
    });
  }

  /** The next page of a value's children. */
  async load(id: string): Promise<void> {
    const known = this.children.value.get(id);
    if (known?.waiting) return;
    const before = known ?? { nodes: [], total: 0, prefix: "" };
    const { failure: _, ...without } = before as Children;
    this.set(id, { ...without, waiting: true });
    const wanted = this.asking.signal;
    try {
      const path = id === "" ? [] : id.split(".").map(Number);
      const { value: file } = this.file;
      const page = await this.host.call(
        "contentPage",
        { path, from: before.nodes.length, ...(file === undefined ? {} : { file }) },
        wanted,
      );
      if (wanted.aborted) return;
      if (id === "") this.root.value = page?.root;
      // The file has changed and the row that was open is no more.
      if (page === undefined) return this.set(id, { nodes: [], total: 0, prefix: "", waiting: false });
      const nodes = [...before.nodes, ...page.nodes];
      const prefix =
        before.nodes.length > 0 ? before.prefix : sharedWrapperPrefix(nodes.map(({ key }) => key));
      this.set(id, {
        nodes,
        total: page.nodes.length === 0 ? nodes.length : page.total,
        prefix: nodes.length > 1 ? prefix : "",
        waiting: false,
      });
      for (const [at] of page.nodes.entries()) {
        const child = childId(id, before.nodes.length + at);
        if (this.opened.value.has(child) && !this.children.value.has(child)) void this.load(child);
      }
    } catch (error) {
      if (wanted.aborted || isAbortError(error)) return;
      this.set(id, { ...without, waiting: false, failure: (error as Error).message });
    }
  }

  /** The file has changed: what is open is asked for again when it is looked at. */
  invalidate(): void {
    this.asking.abort();
    this.asking = new AbortController();
    this.children.value = new Map();
  }

  private set(id: string, children: Children): void {
    this.children.value = new Map(this.children.value).set(id, children);
  }

  private addRows(parent: string, depth: number, rows: ContentRow[]): void {
    const children = this.children.value.get(parent);
    if (children === undefined) return;
    const prefix = this.hidePrefixes.value ? children.prefix : "";
    for (const [at, node] of children.nodes.entries()) {
      const id = childId(parent, at);
      rows.push({ kind: "node", id, depth, node, label: withoutPrefix(node.key, prefix) });
      if (this.isOpen(id, node)) this.addRows(id, depth + 1, rows);
    }
    const left = children.total - children.nodes.length;
    const rest = { id: `${parent}…`, depth, parent, left };
    if (children.failure !== undefined) rows.push({ kind: "failed", ...rest, message: children.failure });
    else if (children.waiting) rows.push({ kind: "waiting", ...rest });
    else if (left > 0) rows.push({ kind: "more", ...rest });
  }

  private isOpen(id: string, node: ContentNode): boolean {
    return node.childCount > 0 && this.opened.value.has(id);
  }
}

function childId(parent: string, at: number): string {
  return parent === "" ? String(at) : `${parent}.${at}`;
}
