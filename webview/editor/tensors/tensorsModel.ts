import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { scanColumns } from "../../../src/core/analysis/scanTable";
import type { StatisticId } from "../../../src/core/analysis/statisticColumns";
import { messageOf } from "../../../src/core/problem/messageOf";
import { filterTensors, sortTensors, type TensorSortKey } from "../../../src/core/tensors/tensorQuery";
import { TensorTree, type TreeNode } from "../../../src/core/tensors/tensorTree";
import type { SortOrder } from "../../ui/tables/dataTable";
import type { ScanModel } from "../numbers/scanModel";
import { sortByNumbers } from "../numbers/sortByNumbers";
import { ValuesModel } from "../values/valuesModel";
import type { DetailPart, Selection, TensorsViewState } from "../viewState";
import { allClosed, allOpen, type Expansion, isExpandedIn, openAtFirst, withExpanded } from "./expansion";
import type { LoadedTensors, TensorDirectory } from "./tensorDirectory";

/** The rows that match the filter, in name order. */
export interface FilteredTensors {
  readonly rows: Uint32Array;
  /** What is wrong with the regular expression; `rows` are then those of the last one that was right. */
  readonly problem: string | undefined;
  readonly active: boolean;
  readonly parameters: number;
  readonly bytes: number;
}

/**
 * While a filter is on, the modules of what it found are open: one filters to see tensors. Not for more matches
 * than anyone scrolls through: then the tree stays as the user left it.
 */
const openedMatches = 2000;

/** What the Tensors tab shows: a chain of computed values from the filter to the rows on the screen. */
export class TensorsModel {
  readonly view: Signal<"tree" | "table">;
  readonly text: Signal<string>;
  readonly regex: Signal<boolean>;
  readonly dtypes: Signal<readonly string[]>;
  readonly onlyOutliers: Signal<boolean>;
  readonly sort: Signal<SortOrder<TensorSortKey | StatisticId>>;
  readonly showsNumbers: Signal<boolean>;
  readonly expansion: Signal<Expansion>;
  readonly selected: Signal<Selection | undefined>;
  readonly detailShare: Signal<number>;
  readonly detailPart: Signal<DetailPart>;
  readonly detailAlone: Signal<boolean>;
  readonly values: ValuesModel;
  /** The rows are to get the focus, after something else had it that is gone. */
  readonly focusRows = signal(false);
  /** The expansion of the tree of matches. It is forgotten with the filter. */
  private readonly matchExpansion = signal(allOpen);
  private lastRight: Uint32Array | undefined;

  readonly loaded: ReadonlySignal<LoadedTensors | undefined>;
  readonly filtered: ReadonlySignal<FilteredTensors | undefined>;
  readonly sorted: ReadonlySignal<Uint32Array>;
  readonly tree: ReadonlySignal<TensorTree | undefined>;
  readonly nodes: ReadonlySignal<readonly TreeNode[]>;
  private readonly openAtFirst: ReadonlySignal<ReadonlySet<string>>;
  /** Row of the selected tensor in the table of all tensors. */
  readonly selectedRow: ReadonlySignal<number | undefined>;

  constructor(
    readonly directory: TensorDirectory,
    private readonly scan: ScanModel,
    viewState: TensorsViewState,
  ) {
    this.view = signal(viewState.view);
    this.text = signal(viewState.text);
    this.regex = signal(viewState.regex);
    this.dtypes = signal(viewState.dtypes);
    this.onlyOutliers = signal(viewState.onlyOutliers);
    this.sort = signal(viewState.sort);
    this.showsNumbers = signal(viewState.showsNumbers);
    this.expansion = signal(viewState.expansion);
    this.selected = signal(viewState.selected);
    this.detailShare = signal(viewState.detailShare);
    this.detailPart = signal(viewState.detailPart);
    this.detailAlone = signal(viewState.detailAlone);
    this.values = new ValuesModel(viewState.values);
    this.loaded = directory.tensors;
    this.filtered = computed(() => this.filter());
    this.sorted = computed(() => {
      const { column, descending } = this.sort.value;
      const loaded = this.loaded.value;
      const rows = this.filtered.value?.rows;
      if (loaded === undefined || rows === undefined) return new Uint32Array();
      if (!isScanColumn(column)) return sortTensors(loaded.table, rows, { key: column, descending });
      void this.scan.orderVersion.value;
      const numbers = this.scan.table.peek();
      return numbers === undefined ? rows : sortByNumbers(rows, numbers.column(column), descending);
    });
    this.tree = computed(() => {
      const loaded = this.loaded.value;
      const rows = this.filtered.value?.rows;
      return loaded && rows ? new TensorTree(loaded.table, rows, loaded.separator) : undefined;
    });
    this.openAtFirst = computed(() => (this.tree.value ? openAtFirst(this.tree.value) : new Set()));
    this.nodes = computed(() => {
      const isExpanded = isExpandedIn(this.currentExpansion().value, this.openAtFirst.value);
      return this.tree.value?.visibleNodes(isExpanded) ?? [];
    });
    this.selectedRow = computed(() => {
      const selected = this.selected.value;
      return selected?.kind === "tensor" ? rowNamed(this.loaded.value, selected.name) : undefined;
    });
  }

  viewState(): TensorsViewState {
    return {
      view: this.view.value,
      text: this.text.value,
      regex: this.regex.value,
      dtypes: this.dtypes.value,
      onlyOutliers: this.onlyOutliers.value,
      sort: this.sort.value,
      showsNumbers: this.showsNumbers.value,
      expansion: this.expansion.value,
      selected: this.selected.value,
      detailShare: this.detailShare.value,
      detailPart: this.detailPart.value,
      detailAlone: this.detailAlone.value,
      values: this.values.viewState(),
    };
  }

  setText(text: string): void {
    if (text === "") this.matchExpansion.value = allOpen;
    this.text.value = text;
  }

  setPattern(pattern: string): void {
    this.clearFilter();
    this.regex.value = true;
    this.text.value = pattern;
  }

  clearFilter(): void {
    this.setText("");
    this.dtypes.value = [];
    this.onlyOutliers.value = false;
  }

  toggleDtype(dtype: string): void {
    const chosen = this.dtypes.value;
    this.dtypes.value = chosen.includes(dtype) ? chosen.filter((each) => each !== dtype) : [...chosen, dtype];
  }

  setExpanded(path: string, expanded: boolean): void {
    const expansion = this.currentExpansion();
    expansion.value = withExpanded(expansion.value, path, expanded);
  }

  setAllExpanded(expansion: Expansion): void {
    // What is open unasked is closed as well, but for an only root, which alone would be left.
    const roots = this.tree.value?.children(undefined).length ?? 0;
    const closed = expansion === allClosed ? [...this.openAtFirst.value].slice(roots === 1 ? 1 : 0) : [];
    this.currentExpansion().value = { ...expansion, closed: [...expansion.closed, ...closed] };
  }

  /** Selects a tensor or module and makes it visible, whatever the filter and the tree hide now. */
  show(selection: Selection): void {
    this.clearFilter();
    this.selected.value = selection;
    this.focusRows.value = true;
    const { name } = selection;
    const separator = this.loaded.value?.separator ?? ".";
    let expansion = this.expansion.value;
    for (let at = name.indexOf(separator); at >= 0; at = name.indexOf(separator, at + 1)) {
      expansion = withExpanded(expansion, name.slice(0, at), true);
    }
    this.expansion.value = expansion;
  }

  /** Back to the list alone. */
  close(): void {
    batch(() => {
      this.selected.value = undefined;
      this.detailAlone.value = false;
    });
  }

  private currentExpansion(): Signal<Expansion> {
    const filtered = this.filtered.value;
    return filtered?.active && filtered.rows.length <= openedMatches ? this.matchExpansion : this.expansion;
  }

  private filter(): FilteredTensors | undefined {
    const loaded = this.loaded.value;
    if (loaded === undefined) return undefined;
    const query = { text: this.text.value, regex: this.regex.value, dtypes: new Set(this.dtypes.value) };
    // Without a scan there is nothing that could be told apart.
    const outliers = this.onlyOutliers.value ? this.scan.outliers.value : undefined;
    const picked = outliers !== undefined && outliers.size > 0 ? outliers : undefined;
    const active = query.text.trim() !== "" || query.dtypes.size > 0 || picked !== undefined;
    let problem: string | undefined;
    let rows: Uint32Array;
    try {
      rows = filterTensors(loaded.table, query);
      this.lastRight = rows;
    } catch (error) {
      problem = regexProblem(error);
      rows = this.lastRight ?? filterTensors(loaded.table, { ...query, text: "" });
    }
    // After a reload the rows of before may be more than there are tensors now.
    if (problem !== undefined) rows = rows.filter((row) => row < loaded.table.length);
    if (picked !== undefined) rows = rows.filter((row) => picked.has(row));
    let parameters = 0;
    let bytes = 0;
    for (const row of rows) {
      parameters += loaded.table.parameters(row);
      bytes += loaded.table.byteSize(row);
    }
    return { rows, problem, active, parameters, bytes };
  }
}

function isScanColumn(column: TensorSortKey | StatisticId): column is StatisticId {
  return (scanColumns as readonly string[]).includes(column);
}

function rowNamed(loaded: LoadedTensors | undefined, name: string): number | undefined {
  for (let row = 0; loaded !== undefined && row < loaded.table.length; row++) {
    if (loaded.table.name(row) === name) return row;
  }
  return undefined;
}

/** "Invalid regular expression: /(/i: Unterminated group" → "Unterminated group". */
function regexProblem(error: unknown): string {
  return messageOf(error).replace(/^.*\/[a-z]*: /s, "");
}
