import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, maxPickleLineBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { BytesValue, type ContentValue, TupleValue } from "../contentValue";
import { stepContainer } from "./containerOpcodes";
import { FoundValues, headBytes } from "./foundValues";
import { FrameCheck } from "./frameCheck";
import type { ImportLog } from "./importLog";
import { type Making, noteChange, noteMaking } from "./indirectCalls";
import { type InlineData, OuterPickles, type PickleHooks } from "./inlineData";
import { Op, opcodeName } from "./opcode";
import type { PickleBudget } from "./pickleBudget";
import { NeedBytes, type PickleInput } from "./pickleInput";
import {
  asInstance,
  bytesBytes,
  describeName,
  objectBytes,
  persistentIdBytes,
  scalarBytes,
} from "./pickleObjects";
import { BadOperand, readScalar } from "./pickleScalar";
import { MachineError, PickleStack } from "./pickleStack";
import { decodeUtf8 } from "./pickleText";
import { PyGlobal, PyObject, PyPersistentId } from "./pickleValue";
import { GlobalTable } from "./python2Names";
import { TensorRecords } from "./records/tensorRecords";

const newestProtocol = 5;

const noBytes = new Uint8Array();

/**
 * The machine that a pickle is a program for, without its one dangerous ability: where Python would import and
 * call, this makes a `PyGlobal` and a `PyObject`. There is no way from here to code. Pickles have no jumps, so a
 * run ends; depth costs no stack, because nothing recurses; memory is counted against a limit.
 */
export class PickleMachine {
  protocol = 0;
  readonly found = new FoundValues();
  private stack: PickleStack;
  private readonly globals: GlobalTable;
  private readonly problems = new ProblemList(maxListedProblems);
  private readonly frames = new FrameCheck();
  private opcodeOffset: number;
  private currentOp = 0;
  private stopped = false;
  private inlineData: InlineData | undefined;
  private readonly outer = new OuterPickles();
  private readonly records: TensorRecords;

  constructor(
    private readonly input: PickleInput,
    private readonly imports: ImportLog,
    private readonly budget: PickleBudget,
    private readonly hooks: PickleHooks = {},
  ) {
    this.stack = this.newStack(budget.retainedBytes);
    this.globals = new GlobalTable(imports);
    const isResolved = hooks.resolvePersistentId !== undefined;
    this.records = new TensorRecords(input, imports, budget, this.frames, this.found, !isResolved);
    this.opcodeOffset = input.position;
  }

  /**
   * Runs to STOP and gives the value.
   * @throws NeedBytes when the window ends; run again once it was moved, and it goes on.
   * @throws CheckpointError with the offset of the opcode that could not be carried out.
   */
  run(): ContentValue {
    const { input } = this;
    try {
      while (!this.stopped) {
        this.opcodeOffset = input.position;
        if (this.inlineData !== undefined) {
          this.passInline(this.inlineData);
          continue;
        }
        this.currentOp = input.readU8();
        this.step(this.currentOp);
        if (this.frames.isCrossed(input)) {
          this.problems.add(this.frames.report(input, this.imports, this.currentOp, this.opcodeOffset));
        }
      }
      return this.stack.pop();
    } catch (error) {
      if (error instanceof NeedBytes) input.position = this.opcodeOffset;
      else if (error instanceof MachineError) this.fail(error.code, error.message);
      else if (error instanceof BadOperand || error instanceof RangeError) {
        this.fail("InvalidPickle", `has ${error.message}`);
      }
      throw error;
    }
  }

  /** What was found on the way, besides what made it fail. */
  get foundProblems(): readonly Problem[] {
    return this.problems.toArray();
  }

  salvage(): ContentValue | undefined {
    return (this.outer.outermost ?? this.stack).salvage();
  }

  private newStack(maxRetainedBytes: number): PickleStack {
    return new PickleStack(maxRetainedBytes, (target) => noteChange(target, this.imports));
  }

  private passInline({ isPadded, byteSize, make }: InlineData): void {
    const { input, stack } = this;
    if (isPadded) input.skip(input.readU8());
    const offset = input.position;
    input.skip(byteSize ?? 0);
    this.inlineData = undefined;
    if (byteSize === undefined) {
      this.outer.begin(stack, this.protocol);
      this.stack = this.newStack(stack.freeBytes);
      return;
    }
    stack.pop();
    stack.create(make(new BytesValue(undefined, byteSize, offset, false)), 4 * objectBytes);
  }

  private step(op: number): void {
    const { input } = this;
    if (this.budget.opcodes-- <= 0) throw new MachineError("PickleLimit", "is one opcode too many");
    // First, because every second opcode of a model's pickle puts something into the memo.
    if (this.stepMemo(op)) return;
    const scalar = readScalar(op, input);
    if (scalar !== undefined) {
      this.stack.create(scalar, scalarBytes(scalar, op, input.position - this.opcodeOffset));
      if (scalar instanceof BytesValue) this.noteBytes(scalar);
    } else if (!stepContainer(op, this.stack) && !this.stepObject(op)) {
      const message = `There is no opcode ${opcodeName(op)}: the Python pickle is damaged, or this is none.`;
      throw new CheckpointError("UnknownOpcode", message, this.opcodeOffset);
    }
  }

  private noteBytes(value: BytesValue): void {
    const { offset } = value;
    const isLong = value.bytes === undefined;
    this.found.noteBytes(value, isLong ? this.input.peek(offset, offset + headBytes) : noBytes);
  }

  private stepMemo(op: number): boolean {
    const { input, stack } = this;
    switch (op) {
      case Op.BINPUT:
        stack.remember(input.readU8());
        return true;
      case Op.LONG_BINPUT:
        stack.remember(input.readU32());
        return true;
      case Op.MEMOIZE:
        stack.remember(stack.memoSize);
        return true;
      case Op.PUT:
        stack.remember(this.readIndexLine());
        return true;
      case Op.BINGET:
        this.records.takeBehind(stack.recall(input.readU8()), stack);
        return true;
      case Op.LONG_BINGET:
        this.records.takeBehind(stack.recall(input.readU32()), stack);
        return true;
      case Op.GET:
        stack.recall(this.readIndexLine());
        return true;
      case Op.PROTO:
        this.startProtocol(input.readU8());
        return true;
      case Op.FRAME:
        this.frames.begin(input.readU64(), input);
        return true;
      case Op.STOP: {
        const outer = this.outer.end(this.stack);
        if (outer === undefined) this.stopped = true;
        else ({ stack: this.stack, protocol: this.protocol } = outer);
        return true;
      }
      default:
        return false;
    }
  }

  private stepObject(op: number): boolean {
    const { input, stack } = this;
    switch (op) {
      case Op.GLOBAL:
        stack.push(this.global(this.readTextLine(), this.readTextLine()));
        return true;
      case Op.STACK_GLOBAL:
        this.stackGlobal();
        return true;
      case Op.EXT1:
        stack.push(this.extension(input.readU8()));
        return true;
      case Op.EXT2:
        stack.push(this.extension(input.readU16()));
        return true;
      case Op.EXT4:
        stack.push(this.extension(input.readI32()));
        return true;
      case Op.PERSID:
        this.pushReference(this.readTextLine());
        return true;
      case Op.BINPERSID:
        this.pushReference(stack.pop());
        return true;
      case Op.NEXT_BUFFER:
        this.stack.create(new BytesValue(undefined, 0, this.opcodeOffset, true), bytesBytes);
        this.warn("OutOfBandBuffer", "The pickle leaves data to a buffer that is kept elsewhere.");
        return true;
      case Op.READONLY_BUFFER:
        stack.top();
        return true;
      default:
        return this.stepCall(op);
    }
  }

  private stepCall(op: number): boolean {
    const { stack } = this;
    switch (op) {
      case Op.REDUCE: {
        const args = stack.pop();
        const callee = stack.pop();
        const instance = asInstance(callee, args);
        if (instance === undefined) this.make(new PyObject(callee, args, false), "called");
        else this.make(instance, "instantiated");
        return true;
      }
      case Op.NEWOBJ: {
        const args = stack.pop();
        this.make(new PyObject(stack.pop(), args, true), "instantiated");
        return true;
      }
      case Op.NEWOBJ_EX: {
        const kwargs = stack.pop();
        const args = stack.pop();
        const object = new PyObject(stack.pop(), args, true);
        stack.change(object).kwargs = kwargs;
        this.make(object, "instantiated");
        return true;
      }
      case Op.INST: {
        const callee = this.global(this.readTextLine(), this.readTextLine());
        this.makeOld(callee, stack.popMark());
        return true;
      }
      case Op.OBJ: {
        const [callee, ...args] = stack.popMark();
        if (callee === undefined) throw new MachineError("PickleStackUnderflow", "has no class");
        this.makeOld(callee, args);
        return true;
      }
      case Op.BUILD: {
        const state = stack.pop();
        const target = stack.top();
        noteChange(target, this.imports);
        if (target instanceof PyObject) {
          stack.change(target).state = state;
          this.inlineData = this.hooks.findInlineData?.(target);
        } else this.warn("StateWithoutObject", "The pickle sets attributes of something that has none.");
        return true;
      }
      default:
        return false;
    }
  }

  /** OBJ and INST make an instance without a call only where there are no arguments, and only of a class. */
  private makeOld(callee: ContentValue, args: ContentValue[]): void {
    const isClass = callee instanceof PyGlobal && /^_*[A-Z]/.test(callee.name);
    const making = args.length === 0 && isClass ? "instantiated" : "called";
    this.make(new PyObject(callee, new TupleValue(args), false), making);
  }

  private make(object: PyObject, making: Making): void {
    this.found.noteCall(noteMaking(object, making, this.imports));
    this.stack.create(object, objectBytes);
  }

  private pushReference(id: ContentValue): void {
    const [tag, type] = id instanceof TupleValue ? id.items : [];
    if (tag === "storage" && type !== undefined) this.records.noteStorageType(type);
    const reference = this.hooks.resolvePersistentId?.(id) ?? new PyPersistentId(id);
    this.found.noteReference(reference);
    this.stack.create(reference, persistentIdBytes);
  }

  private startProtocol(protocol: number): void {
    this.protocol = protocol;
    if (protocol <= newestProtocol) return;
    this.warn(
      "UnknownProtocol",
      `The pickle is of protocol ${protocol}; Python knows up to ${newestProtocol}.`,
    );
  }

  private stackGlobal(): void {
    const name = this.stack.pop();
    const module = this.stack.pop();
    if (typeof name === "string" && typeof module === "string") {
      this.stack.push(this.global(module, name));
      return;
    }
    this.imports.add(describeName(module), describeName(name), this.opcodeOffset, true);
    this.warn("ComputedImport", "The pickle computes the name of what it imports: it can be anything.");
    this.stack.create(new PyObject(module, name, false), objectBytes);
  }

  private global(module: string, name: string): PyGlobal {
    const { global, retained } = this.globals.find(module, name, this.protocol, this.opcodeOffset);
    this.stack.retain(retained);
    this.records.noteGlobal(global);
    return global;
  }

  /** Classes that the unpickling process would have registered by number (copyreg.add_extension). */
  private extension(code: number): PyGlobal {
    return this.global("copyreg", `extension_${code}`);
  }

  private readTextLine(): string {
    return decodeUtf8(this.input.readLine(maxPickleLineBytes));
  }

  private readIndexLine(): number {
    const text = this.readTextLine();
    if (!/^\s*\d{1,15}\s*$/.test(text)) throw new BadOperand("no memo number behind it");
    return Number(text);
  }

  private warn(code: string, message: string): void {
    this.problems.addLazily(code, () => ({ severity: "warning", code, message, offset: this.opcodeOffset }));
  }

  private fail(code: string, fact: string): never {
    const message = `The pickle cannot be read on: ${opcodeName(this.currentOp)} ${fact}.`;
    throw new CheckpointError(code, message, this.opcodeOffset);
  }
}
