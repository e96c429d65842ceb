import { type ContentValue, ListValue, MapValue, SetValue, TupleValue } from "../contentValue";
import {
  emptyTuple,
  firstItemBytes,
  memoBytes,
  objectMoreBytes,
  pairBytes,
  tupleBytes,
} from "./pickleObjects";
import { PyGlobal, PyObject } from "./pickleValue";
import { LateArgs } from "./records/lateArgs";

/** An opcode found the stack, the memo or its operands other than it needs them. */
export class MachineError extends Error {
  override readonly name = "MachineError";

  constructor(
    readonly code: string,
    /** Completes "REDUCE …". */
    fact: string,
  ) {
    super(fact);
  }
}

/** Of a value or a mark on the stack. */
const placeBytes = 16;

/** Stack, marks and memo of the pickle machine. What is kept is counted against a limit before it is kept. */
export class PickleStack {
  /** As long as the stack once was: what lies at `height` and above was taken off. */
  private readonly values: ContentValue[] = [];
  private height = 0;
  private mostMarks = 0;
  /** Where each MARK stands. What is below the last one is out of reach until it is gone. */
  private readonly marks: number[] = [];
  /**
   * The memo as picklers fill it, from 0 on, and what is set beyond that. Where what was put there is a part of
   * arguments that were not made yet, these stand in its place.
   */
  private readonly memo = new Memo();
  private readonly farMemo = new Map<number, ContentValue>();
  private readonly recentTuples = new RecentTuples();
  private retained = 0;

  constructor(
    private readonly maxRetainedBytes: number,
    /** Told of what is not the pickle's own, but is filled by it. */
    private readonly noteChange: (target: ContentValue) => void = () => undefined,
  ) {}

  /** Nothing is set beyond what was filled from 0 on. */
  get hasDenseMemo(): boolean {
    return this.farMemo.size === 0;
  }

  get memoSize(): number {
    return this.memo.length + this.farMemo.size;
  }

  /** Counts memory before it is taken: the numbers are rough, the limit is not. */
  retain(bytes: number): void {
    this.retained += bytes;
    if (this.retained > this.maxRetainedBytes) {
      throw new MachineError("PickleLimit", "would take more memory than one pickle may");
    }
  }

  get retainedBytes(): number {
    return this.retained;
  }

  /** What may still be retained. */
  get freeBytes(): number {
    return this.maxRetainedBytes - this.retained;
  }

  push(value: ContentValue): void {
    // Twice while the list of them grows; the place of one that was taken off is there already.
    if (this.height === this.values.length) this.retain(placeBytes);
    this.values[this.height++] = value;
  }

  /** Pushes what was made for the pickle; `bytes` is roughly what it takes. */
  create(value: ContentValue, bytes: number): void {
    this.retain(bytes);
    this.push(value);
  }

  pushTuple(items: readonly ContentValue[]): void {
    this.push(this.recentTuples.find(items) ?? this.newTuple(items));
  }

  /** As `pushTuple` would push it, of the first of a list of numbers that is used again. */
  tupleOf(sizes: readonly number[], count: number): TupleValue {
    return this.recentTuples.findNumbers(sizes, count) ?? this.newTuple(sizes.slice(0, count));
  }

  private newTuple(items: readonly ContentValue[]): TupleValue {
    const tuple = new TupleValue(items);
    this.recentTuples.note(tuple);
    this.retain(tupleBytes + 8 * items.length);
    return tuple;
  }

  /** What it takes to have so many values and marks more than now, beyond what once was. */
  bytesOfReach(values: number, marks: number): number {
    const newValues = Math.max(0, this.height + values - this.values.length);
    return placeBytes * (newValues + Math.max(0, this.marks.length + marks - this.mostMarks));
  }

  /** Counts so many values and marks more, which came and went. */
  reach(values: number, marks: number): void {
    this.retain(this.bytesOfReach(values, marks));
    while (this.values.length < this.height + values) this.values.push(null);
    this.mostMarks = Math.max(this.mostMarks, this.marks.length + marks);
  }

  /** Puts an object on top in place of what it was made from, and it and the parts of its arguments into the memo. */
  replaceTop(object: PyObject, args: LateArgs, places: number, bytes: number): void {
    this.retain(bytes);
    this.values[this.height - 1] = object;
    const { memo } = this;
    for (let place = 1; place < places; place++) memo.push(args);
    memo.push(object);
  }

  pop(): ContentValue {
    if (this.height <= this.floor) this.underflow();
    return this.values[--this.height] as ContentValue;
  }

  top(): ContentValue {
    if (this.height <= this.floor) this.underflow();
    return this.values[this.height - 1] as ContentValue;
  }

  popSome(count: number): ContentValue[] {
    if (this.height - count < this.floor) this.underflow();
    return this.takeFrom(this.height - count);
  }

  mark(): void {
    this.marks.push(this.height);
    if (this.marks.length <= this.mostMarks) return;
    this.retain(placeBytes);
    this.mostMarks = this.marks.length;
  }

  /** Everything above the last MARK, which goes as well. */
  popMark(): ContentValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new MachineError("MissingMark", "has no MARK before it");
    return this.takeFrom(mark);
  }

  private takeFrom(start: number): ContentValue[] {
    const items = this.values.slice(start, this.height);
    this.height = start;
    return items;
  }

  /** POP takes a MARK where that is on top. */
  popValueOrMark(): void {
    if (this.marks.length > 0 && this.height === this.floor) this.marks.pop();
    else this.pop();
  }

  remember(index: number): void {
    const value = this.top();
    if (index < this.memo.length) this.memo.set(index, value);
    else if (index === this.memo.length) {
      this.retain(memoBytes);
      this.memo.push(value);
      if (this.farMemo.size > 0) this.farMemo.delete(index);
    } else {
      this.retain(40);
      this.farMemo.set(index, value);
    }
  }

  /** Pushes what is in the memo, and gives it. */
  recall(index: number): ContentValue {
    const value = this.remembered(index);
    if (value === undefined)
      throw new MachineError("UnknownMemo", `asks for memo ${index}, which was not set`);
    this.push(value);
    return value;
  }

  remembered(index: number): ContentValue | undefined {
    const value = index < this.memo.length ? this.memo.get(index) : this.farMemo.get(index);
    return value instanceof LateArgs ? value.part(index) : value;
  }

  /** An object on which something is about to be set. */
  change(object: PyObject): PyObject {
    if (!object.isChanged) this.retain(objectMoreBytes);
    return object;
  }

  append(target: ContentValue, items: readonly ContentValue[]): void {
    this.noteChange(target);
    // A list that the pickle imported: what is added to it is not the pickle's to hold.
    if (target instanceof PyGlobal) return;
    const list = listOf(target instanceof PyObject ? this.change(target) : target);
    if (list === undefined) throw new MachineError("InvalidPickle", "has nothing to append to");
    this.retain(8 * items.length + (list.length === 0 ? firstItemBytes : 0));
    // Not spread: there may be more than a call can take.
    for (const item of items) list.push(item);
  }

  setItems(target: ContentValue, items: readonly ContentValue[]): void {
    this.noteChange(target);
    if (target instanceof PyGlobal) return;
    const dict = dictOf(target instanceof PyObject ? this.change(target) : target);
    if (dict === undefined) throw new MachineError("InvalidPickle", "has nothing to set items on");
    this.retain((pairBytes * items.length) / 2 + (dict.size === 0 ? 2 * firstItemBytes : 0));
    for (let at = 0; at + 1 < items.length; at += 2) {
      dict.set(items[at] as ContentValue, items[at + 1] as ContentValue);
    }
  }

  /**
   * Closes what is open after a failure: the containers as far as they were filled. Undefined where there is
   * nothing worth showing.
   */
  salvage(): ContentValue | undefined {
    const { marks } = this;
    const values = this.takeFrom(0);
    while (marks.length > 0) {
      const items = values.splice(marks.pop() as number);
      const below = values[values.length - 1];
      // What is open above a dict or a list belongs into it; arguments of a call that never came do not.
      if (below instanceof MapValue || below instanceof PyObject) this.fill(below, items);
      else if (below instanceof ListValue) for (const item of items) below.items.push(item);
      else if (values.length === 0 && items.length > 0) values.push(new TupleValue(items));
    }
    const root = values[0];
    return root !== null && typeof root === "object" ? root : undefined;
  }

  private fill(target: MapValue | PyObject, items: readonly ContentValue[]): void {
    const dict = dictOf(target);
    for (let at = 0; at + 1 < items.length; at += 2) {
      dict?.set(items[at] as ContentValue, items[at + 1] as ContentValue);
    }
  }

  private get floor(): number {
    return this.marks.length === 0 ? 0 : (this.marks[this.marks.length - 1] as number);
  }

  private underflow(): never {
    throw new MachineError("PickleStackUnderflow", "takes more than is there");
  }
}

function listOf(target: ContentValue): ContentValue[] | undefined {
  if (target instanceof ListValue || target instanceof SetValue) return target.items;
  if (!(target instanceof PyObject)) return undefined;
  target.items ??= [];
  return target.items;
}

function dictOf(target: ContentValue): MapValue | undefined {
  if (target instanceof MapValue) return target;
  if (!(target instanceof PyObject)) return undefined;
  target.mapItems ??= new MapValue();
  return target.mapItems;
}

/** A list that grows in pieces: a model of a hundred thousand tensors has a million places, which would be moved often. */
class Memo {
  length = 0;
  private readonly pieces: (ContentValue | LateArgs)[][] = [];

  get(index: number): ContentValue | LateArgs | undefined {
    return this.pieces[Math.floor(index / pieceLength)]?.[index % pieceLength];
  }

  set(index: number, value: ContentValue): void {
    const piece = this.pieces[Math.floor(index / pieceLength)];
    if (piece !== undefined) piece[index % pieceLength] = value;
  }

  push(value: ContentValue | LateArgs): void {
    if (this.length++ % pieceLength === 0) this.pieces.push([value]);
    else this.pieces[this.pieces.length - 1]?.push(value);
  }
}

const pieceLength = 1024;

/** As many as a layer has shapes and strides. */
const keptTuples = 8;
/** Shapes have no more. */
const maxTupleItems = 8;

/**
 * The last tuples of whole numbers alone: shapes and strides, of which a model has two a tensor, and few that differ.
 * Nobody can tell equal ones from one that is the same, because nothing in them can change.
 */
class RecentTuples {
  private readonly recent: TupleValue[] = [];
  private next = 0;

  /** One with these items, if it was made lately. */
  find(items: readonly ContentValue[]): TupleValue | undefined {
    return isOfWholeNumbers(items) ? this.findNumbers(items, items.length) : undefined;
  }

  /** Of numbers, the first `count`. */
  findNumbers(items: readonly ContentValue[], count: number): TupleValue | undefined {
    if (count === 0) return emptyTuple;
    const { recent } = this;
    for (let at = 0; at < recent.length; at++) {
      const tuple = recent[at] as TupleValue;
      if (tuple.items.length === count && beginsWith(items, tuple.items)) return tuple;
    }
    return undefined;
  }

  note(tuple: TupleValue): void {
    if (isOfWholeNumbers(tuple.items)) this.recent[this.next++ % keptTuples] = tuple;
  }
}

/** An int is a number here, and a float an object. */
function isOfWholeNumbers(items: readonly ContentValue[]): boolean {
  if (items.length > maxTupleItems) return false;
  for (let at = 0; at < items.length; at++) if (typeof items[at] !== "number") return false;
  return true;
}

function beginsWith(items: readonly ContentValue[], start: readonly ContentValue[]): boolean {
  for (let at = 0; at < start.length; at++) if (items[at] !== start[at]) return false;
  return true;
}
