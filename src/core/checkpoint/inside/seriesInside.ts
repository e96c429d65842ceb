import type { ContentValue, MapValue } from "../../formats/contentValue";
import { mappingOf, membersOf, sequenceOf } from "../../formats/contentView";
import type { FileContent } from "../../formats/format";
import { keyText } from "../../formats/pythonText";
import { isFloatNumber, plainNumber } from "../../formats/torch/plainNumber";
import { isOptimizer } from "../../optimizer/findOptimizers";
import { findModels } from "../../optimizer/modelsInside";
import { isMeasureName } from "../../optimizer/tensorWords";
import { isMetricName } from "../../progress/progressKeys";
import type { Tensor } from "../../tensors/tensor";
import { dotted } from "../../text/dotted";

/** Values of one metric in the order in which they were logged: a history that a training keeps in its checkpoint. */
export interface SeriesInside {
  /** As tensors are named: `train_losses`, `history.val_loss`. */
  readonly path: string;
  /** Numbers, or tensors of one element; empty where all are in `tensor`. */
  readonly values: readonly ContentValue[];
  /** The tensor of one axis, or array, that holds them. */
  readonly tensor?: Tensor;
  readonly length: number;
  /** Where each value belongs, as the rows of a history say; undefined where only their order tells. */
  readonly epochs?: readonly number[];
  readonly steps?: readonly number[];
}

const noHistory =
  /optim|sched|^_?(?:base|min|max|last|initial)_(?:lr|momentum)s?$|^args$|^arguments$|config|^cfg$|hparam|hyper|^opt$|^opts$|rng|random|memory|replay|buffer|dataset|vocab|class|names|anchors|quantiles?$|mean$|^std$|betas|milestones|dims|sizes|shape|state_dict|callback|^loops$/i;
const historyWords =
  /hist|loss|log|curve|stats|metric|result|train|val|acc|reward|return|score|record|plot|lrs?$|epoch/i;

const maxDepth = 4;
const maxEntries = 400;
const maxSeries = 200;
const maxValues = 5_000_000;

/** The histories in a file: lists of floats, dicts of such lists, and lists or numbered dicts of rows. */
export function seriesInside(content: FileContent): readonly SeriesInside[] {
  const found = known.get(content);
  if (found !== undefined) return found;
  const search = new SeriesSearch(content);
  search.visit(content.root, "", 0);
  known.set(content, search.found);
  return search.found;
}

const known = new WeakMap<FileContent, readonly SeriesInside[]>();

class SeriesSearch {
  readonly found: SeriesInside[] = [];
  private readonly models: ReadonlySet<string>;

  constructor(private readonly content: FileContent) {
    this.models = new Set(findModels(content).map(({ path }) => path));
  }

  visit(value: ContentValue, path: string, depth: number): void {
    if (this.found.length >= maxSeries || isOptimizer(value)) return;
    if (path !== "" && this.models.has(path)) return;
    const key = path.slice(path.lastIndexOf(".") + 1);
    if (depth > 0 && noHistory.test(key)) return;
    const tensor = this.content.tensors.get(value);
    if (tensor !== undefined) {
      if (isTensorSeries(tensor, path)) {
        this.found.push({ path, values: [], tensor, length: tensor.shape[0] ?? 0 });
      }
      return;
    }
    const items = sequenceOf(value);
    if (items !== undefined && mappingOf(value) === undefined) this.visitList(items, path, depth);
    else this.visitDict(value, path, depth);
  }

  private visitList(items: readonly ContentValue[], path: string, depth: number): void {
    if (items.length === 0 || items.length > maxValues) return;
    if (this.isSeries(items, path)) {
      this.found.push({ path, values: items, length: items.length });
      return;
    }
    const rows = items.map((item) => mappingOf(item));
    if (rows.every((row) => row !== undefined) && (depth === 0 || historyWords.test(path))) {
      this.addRows(rows as MapValue[], path, undefined);
      return;
    }
    if (depth >= maxDepth || items.length > 32) return;
    if (depth > 0 && !historyWords.test(path)) return;
    for (const [at, item] of items.entries()) {
      if (item !== null && typeof item === "object") this.visit(item, dotted(path, String(at)), depth + 1);
    }
  }

  private visitDict(value: ContentValue, path: string, depth: number): void {
    const dict = membersOf(value);
    if (dict === undefined || dict.size === 0 || depth >= maxDepth) return;
    const rows = dict.values.map((row) => mappingOf(row));
    if (dict.keys.every((key) => typeof key === "number") && rows.every((row) => row !== undefined)) {
      if (dict.size > 1 || historyWords.test(path))
        this.addRows(rows as MapValue[], path, dict.keys as number[]);
      return;
    }
    if (dict.size > maxEntries) return;
    for (const [key, member] of dict.entries()) {
      if (member !== null && typeof member === "object")
        this.visit(member, dotted(path, keyText(key)), depth + 1);
    }
  }

  /** Floats, or whole numbers under a name that says that they are measured. */
  private isSeries(items: readonly ContentValue[], path: string): boolean {
    const looked = items.slice(0, 64);
    const isNumeric = looked.every(
      (item) => plainNumber(item) !== undefined || this.content.tensors.get(item)?.shape.length === 0,
    );
    if (!isNumeric) return false;
    const name = path.slice(path.lastIndexOf(".") + 1);
    const isNamed = isMetricName(path) || /hist|loss|reward|duration|curve|lengths/i.test(path);
    if (isNamed) return true;
    if (!looked.some((item) => isFloatNumber(item) || this.content.tensors.has(item))) return false;
    // Without a name that says so, a few floats are settings.
    return items.length > 1 && (path === "" || (historyWords.test(path) && !/^\d+$/.test(name)));
  }

  private addRows(rows: readonly MapValue[], path: string, keys: readonly number[] | undefined): void {
    const columns = new Map<string, { values: ContentValue[]; at: number[] }>();
    const add = (row: MapValue, prefix: string, at: number, depth: number): void => {
      for (const [key, member] of row.entries()) {
        const name = dotted(prefix, keyText(key));
        const inner = mappingOf(member);
        if (inner !== undefined && depth < 2) add(inner, name, at, depth + 1);
        if (plainNumber(member) === undefined && this.content.tensors.get(member)?.shape.length !== 0)
          continue;
        const column = columns.get(name) ?? { values: [], at: [] };
        if (!columns.has(name) && columns.size < maxSeries) columns.set(name, column);
        column.values.push(member);
        column.at.push(at);
      }
    };
    for (const [at, row] of rows.entries()) if (row.size <= maxEntries) add(row, "", at, 0);
    const moment = (pattern: RegExp) =>
      [...columns]
        .find(([name]) => pattern.test(name))?.[1]
        .values.map((value) => plainNumber(value) ?? Number.NaN);
    const named = moment(/^epochs?$/i);
    const epochs = named ?? keys;
    const steps = moment(/^(?:global_)?(?:step|iter|iteration)s?$/i);
    // Rows of a data set are lists of dicts as well: a history counts epochs or steps, or measures what is known.
    const measures = [...columns.keys()].some((name) => isMetricName(name) || isMeasureName(name));
    if (named === undefined && steps === undefined && !measures && !historyWords.test(path)) return;
    for (const [name, { values, at }] of columns) {
      if (/^(?:global_)?(?:epochs?|steps?|iter|iteration)$/i.test(name)) continue;
      this.found.push({
        path: dotted(path, name),
        values,
        length: values.length,
        ...(epochs?.length === rows.length ? { epochs: at.map((row) => epochs[row] as number) } : {}),
        ...(steps?.length === rows.length ? { steps: at.map((row) => steps[row] as number) } : {}),
      });
    }
  }
}

/** One axis, and a name that says that they are measured: `losses`, `val_acc_history`. */
function isTensorSeries({ shape, dtype }: Tensor, path: string): boolean {
  if (shape.length !== 1 || !/^(?:F|BF|I)/.test(dtype) || (shape[0] ?? 0) < 1 || path === "") return false;
  const name = path.slice(path.lastIndexOf(".") + 1);
  return (
    /loss|acc|reward|err/i.test(name) &&
    (/s$|hist|list|curve|log/i.test(name) || /hist|stats|log|curve/i.test(path))
  );
}
