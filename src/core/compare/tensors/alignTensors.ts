import { withExpertSlices } from "../../base/expertSlices";
import { sameItems } from "../../lists/sameItems";
import { rowOrderNote } from "../../names/familySpelling";
import { type AlignedNames, matchNames, type NameRename, renameText } from "../../names/matchNames";
import {
  findNameRule,
  isWrapper,
  type NameRule,
  renamed,
  ruleText,
  sameNames,
  withoutWrappers,
} from "../../names/nameRule";
import type { Problem } from "../../problem/problem";
import { compareNames, type NameSeparator, separatorOf } from "../../tensors/nameOrder";
import { storedType, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { TiedTensors } from "./tiedTensors";

/** The tensors of one snapshot. */
export interface AlignedSource {
  readonly label: string;
  readonly tensors: readonly Tensor[];
  /** Names that were saved as another tensor because both share memory. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Where optimizers keep their state, e.g. "optimizer"; names in dots below are theirs. */
  readonly optimizerPaths?: readonly string[];
  /** Where in its file models lie: what a loader takes out of it has the names below. */
  readonly modelPaths?: readonly string[];
  /** Names of tensors that are of no model, in a file that holds models. */
  readonly besideModels?: ReadonlySet<string>;
  /** A sentence on what was done to its names and values already, so that they agree. */
  readonly namesRule?: string;
}

/**
 * What is known from the headers alone. `added`: not in the first snapshot; `removed`: in the first and not in all
 * others; `shape` and `dtype`: these differ.
 */
export type LayoutStatus = "same layout" | "added" | "removed" | "shape" | "dtype";

/** Tensors of several snapshots that have one name. */
export interface AlignedRow {
  /** As the first snapshot writes it that has the tensor. */
  readonly name: string;
  /** One for each snapshot; undefined where it lacks the tensor. */
  readonly tensors: readonly (Tensor | undefined)[];
  readonly status: LayoutStatus;
  /** Set where a snapshot has the tensor only under this name, with which another has it tied. */
  readonly tiedTo?: string;
  /** Set for the state of an optimizer and for other values of a training, which stand behind the weights. */
  readonly part?: "optimizer";
}

export interface Alignment {
  /** The weights in the order of their names, then what optimizers keep. */
  readonly rows: readonly AlignedRow[];
  readonly separator: NameSeparator;
  /** What was done so that names agree, and to which snapshot. */
  readonly aligned: readonly AlignedNames[];
  /** The same as notes, and what is tied. */
  readonly problems: readonly Problem[];
}

/**
 * Aligns the tensors of snapshots by name, whatever file or shard they are in. Prefixes that wrappers put in front
 * are left out where that makes names agree, and a tied tensor that one snapshot keeps under a single name is found.
 * @param sources one for each snapshot; undefined for one that could not be read.
 */
export function alignTensors(given: readonly (AlignedSource | undefined)[]): Alignment {
  const sliced = withExpertSlices(given.map((source) => source?.tensors));
  const sources = given.map((source, column) => {
    const tensors = sliced[column];
    return source === undefined || tensors === undefined ? undefined : { ...source, tensors };
  });
  const aligning = new Aligning(sources);
  for (const [column, source] of sources.entries()) {
    if (source === undefined) continue;
    aligning.add(column, source);
    const { namesRule, label } = source;
    if (namesRule !== undefined) aligning.note(column, label, "format", namesRule);
    if (source.tensors.length !== given[column]?.tensors.length) aligning.noteSlices(column, source.label);
  }
  return aligning.finish();
}

interface Row {
  readonly name: string;
  readonly tensors: (Tensor | undefined)[];
  tiedTo?: string;
}

/** Names of one tensor that are looked at; models tie two or three. */
const maxTwins = 16;

class Aligning {
  private readonly rows: Row[] = [];
  private readonly byName = new Map<string, Row>();
  /** By the name without wrappers, in the names of the first snapshot. */
  private readonly byKey = new Map<string, Row>();
  private readonly problems: Problem[] = [];
  private readonly aligned: AlignedNames[] = [];
  private readonly rules: NameRule[] = [];

  constructor(private readonly sources: readonly (AlignedSource | undefined)[]) {}

  add(column: number, { label, tensors, modelPaths = [] }: AlignedSource): void {
    const rest = tensors.filter((tensor) => !this.place(this.byName.get(tensor.name), column, tensor));
    const keys = rest.map(({ name }) => withoutWrappers(name));
    const free = new Set<string>();
    for (const [key, row] of this.byKey) if (row.tensors[column] === undefined) free.add(key);
    const rule = free.size === 0 ? sameNames : findNameRule(keys, free);
    this.rules[column] = rule;
    let [matched, unwrapped] = [0, 0];
    const left: { readonly tensor: Tensor; readonly key: string }[] = [];
    for (const [at, tensor] of rest.entries()) {
      const plain = keys[at] as string;
      const key = renamed(plain, rule);
      // What agrees as it is needs no rule.
      const wanted = this.byKey.has(key) ? key : plain;
      if (this.place(this.byKey.get(wanted), column, tensor)) {
        if (wanted !== plain) matched++;
        if (plain !== tensor.name) unwrapped++;
      } else left.push({ tensor, key });
    }
    const renames = this.placeBySpelling(column, left);
    const text = ruleText(rule, matched);
    if (text !== undefined) {
      const known = this.sources.find((source) => source !== undefined)?.modelPaths ?? [];
      const isPlace =
        (rule.add === "" && modelPaths.includes(rule.strip.slice(0, -1))) ||
        (rule.strip === "" && known.includes(rule.add.slice(0, -1)));
      const kind = isPlace ? "format" : isWrapper(rule.strip + rule.add) ? "wrapper" : "prefix";
      this.note(column, label, kind, text);
    }
    if (unwrapped > 0) {
      const rule = `what wrappers (FSDP, torch.compile, PEFT) put into ${plural(unwrapped, "name")} is left out, so that they agree.`;
      this.note(column, label, "wrapper", rule);
    }
    for (const rename of renames) this.note(column, label, rename.kind, renameText(rename));
  }

  note(snapshot: number, label: string, kind: AlignedNames["kind"], rule: string): void {
    this.aligned.push({ snapshot, kind, rule });
    this.problems.push({ severity: "info", code: "NamesAligned", message: `${label}: ${rule}` });
  }

  noteSlices(column: number, label: string): void {
    const rule =
      "experts that are kept in one tensor (transformers 5) are held against experts that are kept one by one.";
    this.note(column, label, "dialect", rule);
  }

  /** What no prefix explains: the nesting of a model that moved, dialects. The rest gets rows of its own. */
  private placeBySpelling(
    column: number,
    left: readonly { readonly tensor: Tensor; readonly key: string }[],
  ): readonly NameRename[] {
    const free = this.rows.filter((row) => row.tensors[column] === undefined);
    const { matches, renames } = matchNames(
      left.map(({ tensor }) => namedShape(tensor.name, tensor)),
      free.map(({ name, tensors }) =>
        namedShape(
          name,
          tensors.find((tensor) => tensor !== undefined),
        ),
      ),
    );
    for (const [at, { tensor, key }] of left.entries()) {
      const index = matches[at];
      const row = index === undefined ? undefined : free[index];
      if (!this.place(row, column, tensor)) this.addRow(column, tensor, key);
    }
    return renames;
  }

  finish(): Alignment {
    this.findTied();
    const separator = separatorOf(this.rows.map(({ name }) => name));
    const readable = this.sources.map((source) => source !== undefined);
    const sorted = this.rows
      .sort((a, b) => compareNames(a.name, b.name, separator))
      .map((row) => ({ ...row, status: statusOf(row.tensors, readable) }));
    const rows = this.weightsFirst(sorted);
    const order = rowOrderNote(
      rows.filter(({ tensors }) =>
        tensors.some((tensor, column) => tensor === undefined && readable[column]),
      ),
    );
    if (order !== undefined) this.problems.push(order);
    return { rows, separator, aligned: this.aligned, problems: this.problems };
  }

  /** Weights are what people compare; of optimizers alone nothing is set apart. */
  private weightsFirst(rows: readonly AlignedRow[]): readonly AlignedRow[] {
    const isState = ({ tensors }: AlignedRow) =>
      tensors.some((tensor, column) => {
        const { optimizerPaths = [], besideModels } = this.sources[column] ?? {};
        if (tensor === undefined) return false;
        const isOfOptimizer = optimizerPaths.some((path) => tensor.name.startsWith(`${path}.`));
        return isOfOptimizer || besideModels?.has(tensor.name) === true;
      });
    const weights = rows.filter((row) => !isState(row));
    if (weights.length === 0 || weights.length === rows.length) return rows;
    const states = rows.filter(isState).map((row): AlignedRow => ({ ...row, part: "optimizer" }));
    return [...weights, ...states];
  }

  private addRow(column: number, tensor: Tensor, key: string): void {
    const tensors = new Array<Tensor | undefined>(this.sources.length).fill(undefined);
    tensors[column] = tensor;
    const row: Row = { name: tensor.name, tensors };
    this.rows.push(row);
    if (!this.byName.has(tensor.name)) this.byName.set(tensor.name, row);
    if (!this.byKey.has(key)) this.byKey.set(key, row);
  }

  /** False where there is no such row, or the snapshot is in it already. */
  private place(row: Row | undefined, column: number, tensor: Tensor): boolean {
    if (row === undefined || row.tensors[column] !== undefined) return false;
    row.tensors[column] = tensor;
    return true;
  }

  /** A row that lacks a snapshot may be there under the name of the tensor that it shares its memory with. */
  private findTied(): void {
    const tied = this.sources.map((source) => source && new TiedTensors(source.tensors));
    const aliases = this.sources.map((source, column) => source && this.aliasesOf(source, column));
    const rowOf = new Map<Tensor, Row>();
    for (const row of this.rows) for (const tensor of row.tensors) if (tensor) rowOf.set(tensor, row);
    let found = 0;
    for (const row of this.rows) {
      for (const column of this.sources.keys()) {
        if (row.tensors[column] !== undefined) continue;
        const twin = aliases[column]?.get(withoutWrappers(row.name)) ?? this.twinOf(row, column, tied, rowOf);
        if (twin === undefined) continue;
        row.tensors[column] = twin;
        row.tiedTo ??= twin.name;
        found++;
      }
    }
    if (found === 0) return;
    const message = `${plural(found, "tensor")} that one snapshot keeps under two names (tied weights) and another under one ${found === 1 ? "is" : "are"} compared with that one.`;
    this.problems.push({ severity: "info", code: "TiedTensors", message });
  }

  /** The tensors that were saved for others, by the names of those. */
  private aliasesOf({ tensors, aliases }: AlignedSource, column: number): ReadonlyMap<string, Tensor> {
    const found = new Map<string, Tensor>();
    if (aliases.size === 0) return found;
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const [alias, kept] of aliases) {
      const tensor = byName.get(kept);
      const plain = withoutWrappers(alias);
      if (tensor === undefined) continue;
      for (const key of [plain, renamed(plain, this.rules[column] ?? sameNames)]) found.set(key, tensor);
    }
    return found;
  }

  /** What this snapshot has where another one has the tensor that it ties to this name. */
  private twinOf(
    row: Row,
    column: number,
    tied: readonly (TiedTensors | undefined)[],
    rowOf: ReadonlyMap<Tensor, Row>,
  ): Tensor | undefined {
    for (const [other, tensor] of row.tensors.entries()) {
      if (tensor === undefined || other === column) continue;
      for (const twin of tied[other]?.with(tensor).slice(0, maxTwins) ?? []) {
        const own = rowOf.get(twin)?.tensors[column];
        if (own !== undefined) return own;
      }
    }
    return undefined;
  }
}

function namedShape(name: string, tensor: Tensor | undefined) {
  return { name, shape: tensor?.shape.join() ?? "" };
}

function statusOf(tensors: readonly (Tensor | undefined)[], readable: readonly boolean[]): LayoutStatus {
  const present = tensors.filter((_, column) => readable[column]);
  const [first] = present;
  if (first === undefined) return "added";
  if (present.some((tensor) => tensor === undefined)) return "removed";
  if (present.some((tensor) => tensor !== undefined && !sameItems(tensor.shape, first.shape))) return "shape";
  return present.some((tensor) => tensor === undefined || storedType(tensor) !== storedType(first))
    ? "dtype"
    : "same layout";
}
