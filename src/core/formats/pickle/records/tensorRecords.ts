import type { ContentValue } from "../../contentValue";
import type { FoundValues } from "../foundValues";
import type { FrameCheck } from "../frameCheck";
import type { ImportLog } from "../importLog";
import { noteMaking } from "../indirectCalls";
import { Op } from "../opcode";
import type { PickleBudget } from "../pickleBudget";
import type { PickleInput } from "../pickleInput";
import { emptyTuple, memoBytes, objectBytes, persistentIdBytes, tupleBytes } from "../pickleObjects";
import type { PickleStack } from "../pickleStack";
import { PyGlobal, PyObject } from "../pickleValue";
import { type SharedArgs, TensorArgs } from "./tensorArgs";

const rebuild = "torch._utils._rebuild_tensor_v2";
const hooksClass = "collections.OrderedDict";

/** Of a storage: torch counts them. */
const longestKey = 64;
/** More axes are read opcode by opcode. */
const mostAxes = 8;
/** A number has as many digits at most as a double has without doubt. */
const mostDigits = 8;

/** Values on the stack above the function at most, where sizes are fewer: the arguments, and an empty tuple for the hooks. */
const recordHeight = 7;
/** Around the arguments, and in them around what says which storage it is. */
const recordMarks = 2;
/** Of the function. */
const argsItems = 6;
/** Numbers, bools and None, as they are counted. */
const plainBytes = 8;
const textBytes = 24;

/** A tuple of numbers that is being read, in a list that is used again. */
class Sizes {
  readonly items: number[] = new Array<number>(mostAxes).fill(0);
  count = 0;
}

type ReadArgs = Pick<TensorArgs, "shared" | "key" | "offset"> & { readonly elements: number };

/**
 * The arguments of a tensor as `torch.save` writes them, from the function on: some thirty opcodes, which follow each
 * other in one order for each of a model's hundred thousand tensors. They are read at one go, without tuples that
 * nobody looks at. What is written in any other way, does not fit into what is left, or is not all in memory is read
 * opcode by opcode, with the same result: the same values, memo, counts and notes.
 */
export class TensorRecords {
  /** The function, where records of it are looked for. */
  private callee: PyGlobal | undefined;
  /** Of the last record. */
  private last: SharedArgs | undefined;
  /** The class of the last storage that was referred to: mostly that of the next as well. */
  private storageType: ContentValue | undefined;
  private readonly shape = new Sizes();
  private readonly strides = new Sizes();
  /** Of the record that is read: the window, the place in it, and how many opcodes and places of the memo it took. */
  private bytes: Uint8Array = new Uint8Array();
  private at = 0;
  private opcodes = 0;
  private firstMemo = 0;
  private memo = 0;

  constructor(
    private readonly input: PickleInput,
    private readonly imports: ImportLog,
    private readonly budget: PickleBudget,
    private readonly frames: FrameCheck,
    private readonly found: FoundValues,
    /** Others resolve references to storages themselves. */
    private readonly isEnabled: boolean,
  ) {}

  /** Told of what the pickle imports. */
  noteGlobal(global: PyGlobal): void {
    if (this.isEnabled && global.qualifiedName === rebuild) this.callee = global;
  }

  /** torch's older readers make a storage by calling the class that its reference names. */
  noteStorageType(type: ContentValue): void {
    if (type === this.storageType) return;
    this.storageType = type;
    noteMaking(new PyObject(type, emptyTuple, false), "called", this.imports);
  }

  /** Puts the tensor in place of the function, which was pushed, where its arguments follow. */
  takeBehind(callee: ContentValue, stack: PickleStack): void {
    if (callee !== this.callee || !(callee instanceof PyGlobal) || !stack.hasDenseMemo) return;
    const { input, budget } = this;
    const from = input.windowPosition;
    this.bytes = input.window;
    this.at = from;
    this.opcodes = 0;
    this.firstMemo = stack.memoSize;
    this.memo = this.firstMemo;
    const read = this.read(stack);
    const length = this.at - from;
    if (read === undefined || this.opcodes > budget.opcodes) return;
    if (this.frames.isEndedBy(input.position + length)) return;
    const axes = this.shape.count + this.strides.count;
    const height = Math.max(recordHeight, 2 + this.shape.count, 3 + this.strides.count);
    const bytes = this.bytesOf(read) + plainBytes * axes + memoBytes * (this.memo - this.firstMemo);
    const most = bytes + stack.bytesOfReach(height, recordMarks) + 2 * tupleBytes + 8 * axes;
    if (most > stack.freeBytes) return;
    budget.opcodes -= this.opcodes;
    input.skip(length);
    stack.reach(height, recordMarks);
    const shape = stack.tupleOf(this.shape.items, this.shape.count);
    const strides = stack.tupleOf(this.strides.items, this.strides.count);
    const { shared, key, elements, offset } = read;
    const args = new TensorArgs(shared, key, elements, offset, shape, strides, this.firstMemo);
    this.noteStorageType(shared.type);
    this.found.noteReference(args);
    this.imports.noteCall(callee);
    stack.replaceTop(new PyObject(callee, args, false), args, this.memo - this.firstMemo, bytes);
  }

  /** What the parts are counted as, those of sizes and of the memo aside. */
  private bytesOf({ shared: { hasView, hasOwnKey }, key }: ReadArgs): number {
    const keyBytes = hasOwnKey ? textBytes + lengthOf(key) : 0;
    const idItems = hasView ? 6 : 5;
    const plain = plainBytes * (hasView ? 4 : 3);
    const tuples = 2 * tupleBytes + 8 * (idItems + argsItems);
    return keyBytes + plain + tuples + persistentIdBytes + 2 * objectBytes;
  }

  /** Undefined where it is not what `torch.save` writes; `shape` and `strides` are filled. */
  private read(stack: PickleStack): ReadArgs | undefined {
    if (!this.takes(Op.MARK) || !this.takes(Op.MARK) || this.recalled(stack) !== "storage") return undefined;
    const type = this.recalled(stack);
    const ownKey = this.key();
    const key = ownKey ?? this.recalled(stack);
    const location = this.recalled(stack);
    const elements = this.number();
    const hasView = this.takes(Op.NONE);
    if (!(this.takes(Op.TUPLE) && this.isPut() && this.takes(Op.BINPERSID))) return undefined;
    const offset = this.number();
    if (elements < 0 || offset < 0 || !this.sizes(this.shape) || !this.sizes(this.strides)) return undefined;
    const requiresGrad = this.takes(Op.NEWTRUE);
    if (!requiresGrad && !this.takes(Op.NEWFALSE)) return undefined;
    const hooks = this.recalled(stack);
    if (!(hooks instanceof PyGlobal) || hooks.qualifiedName !== hooksClass) return undefined;
    if (!(this.takes(Op.EMPTY_TUPLE) && this.takes(Op.REDUCE) && this.isPut())) return undefined;
    if (!(this.takes(Op.TUPLE) && this.isPut() && this.takes(Op.REDUCE) && this.isPut())) return undefined;
    if (!(type instanceof PyGlobal) || typeof location !== "string") return undefined;
    const hasOwnKey = ownKey !== undefined;
    // What was recalled may be a number of the pickle's own.
    if (typeof key !== "string" && !(hasOwnKey && typeof key === "number")) return undefined;
    const shared = this.sharedWith({ type, location, hooks, requiresGrad, hasView, hasOwnKey });
    return { shared, key, elements, offset };
  }

  private sharedWith(shared: SharedArgs): SharedArgs {
    const { last } = this;
    const isSame =
      last !== undefined &&
      last.type === shared.type &&
      last.location === shared.location &&
      last.hooks === shared.hooks &&
      last.requiresGrad === shared.requiresGrad &&
      last.hasView === shared.hasView &&
      last.hasOwnKey === shared.hasOwnKey;
    if (isSame) return last;
    this.last = shared;
    return shared;
  }

  private takes(op: number): boolean {
    if (this.bytes[this.at] !== op) return false;
    this.at++;
    this.opcodes++;
    return true;
  }

  /** What a GET recalls; undefined for all else. */
  private recalled(stack: PickleStack): ContentValue | undefined {
    const { bytes, at } = this;
    if (bytes[at] === Op.BINGET) this.at += 2;
    else if (bytes[at] === Op.LONG_BINGET) this.at += 5;
    else return undefined;
    this.opcodes++;
    return stack.remembered(bytes[at] === Op.BINGET ? (bytes[at + 1] as number) : this.u32(at + 1));
  }

  /** Whether the next place of the memo is set, which is the one behind the last. */
  private isPut(): boolean {
    const { bytes, at, memo } = this;
    const op = bytes[at];
    if (op === Op.MEMOIZE) this.at++;
    else if (op === Op.BINPUT && bytes[at + 1] === memo) this.at += 2;
    else if (op === Op.LONG_BINPUT && this.u32(at + 1) === memo) this.at += 5;
    else return false;
    this.opcodes++;
    this.memo++;
    return true;
  }

  /** A whole number from 0; -1 for all else. */
  private number(): number {
    const { bytes, at } = this;
    const op = bytes[at];
    const value =
      op === Op.BININT1
        ? (bytes[at + 1] as number)
        : op === Op.BININT2
          ? (bytes[at + 1] as number) + 256 * (bytes[at + 2] as number)
          : op === Op.BININT
            ? this.u32(at + 1)
            : -1;
    // A negative one, or not all in memory.
    if (!(value >= 0 && value < 2 ** 31)) return -1;
    this.at += op === Op.BININT1 ? 2 : op === Op.BININT2 ? 3 : 5;
    this.opcodes++;
    return value;
  }

  /** A tuple of whole numbers from 0. */
  private sizes(into: Sizes): boolean {
    into.count = 0;
    if (this.takes(Op.EMPTY_TUPLE)) return true;
    const isMarked = this.takes(Op.MARK);
    for (let size = this.number(); size >= 0; size = this.number()) {
      if (into.count === mostAxes) return false;
      into.items[into.count++] = size;
    }
    const { count } = into;
    if (count === 0) return false;
    const end = isMarked ? Op.TUPLE : count === 1 ? Op.TUPLE1 : count === 2 ? Op.TUPLE2 : Op.TUPLE3;
    return (isMarked || count <= 3) && this.takes(end) && this.isPut();
  }

  /** A text of ASCII with its place in the memo, which is a number where it is one as torch writes it. */
  private key(): string | number | undefined {
    const { bytes, at } = this;
    const isShort = bytes[at] === Op.SHORT_BINUNICODE;
    if (!isShort && bytes[at] !== Op.BINUNICODE) return undefined;
    const start = at + (isShort ? 2 : 5);
    const length = isShort ? (bytes[at + 1] as number) : this.u32(at + 1);
    if (!(length > 0 && length <= longestKey) || start + length > bytes.length) return undefined;
    const key = digitsAt(bytes, start, length) ?? asciiAt(bytes, start, length);
    if (key === undefined) return undefined;
    this.at = start + length;
    if (!this.isPut()) {
      this.at = at;
      return undefined;
    }
    this.opcodes++;
    return key;
  }

  private u32(at: number): number {
    const { bytes } = this;
    const low = (bytes[at] as number) + 256 * (bytes[at + 1] as number) + 65_536 * (bytes[at + 2] as number);
    return low + 16_777_216 * (bytes[at + 3] as number);
  }
}

function lengthOf(key: string | number): number {
  if (typeof key === "string") return key.length;
  let length = 1;
  for (let rest = key; rest >= 10; rest /= 10) length++;
  return length;
}

function digitsAt(bytes: Uint8Array, start: number, length: number): number | undefined {
  if (length > mostDigits || (length > 1 && bytes[start] === 0x30)) return undefined;
  let number = 0;
  for (let at = start; at < start + length; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = 10 * number + digit;
  }
  return number;
}

function asciiAt(bytes: Uint8Array, start: number, length: number): string | undefined {
  const text = bytes.subarray(start, start + length);
  return text.every((byte) => byte < 0x80) ? String.fromCharCode(...text) : undefined;
}
