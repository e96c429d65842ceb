import { maxPickleLineBytes } from "../../problem/limits";
import type { ImportLog } from "./importLog";
import { Op } from "./opcode";
import type { PickleBudget } from "./pickleBudget";
import type { PickleInput } from "./pickleInput";
import { BadOperand, readScalar } from "./pickleScalar";
import { decodeUtf8 } from "./pickleText";
import { toPython3Name } from "./python2Names";

/** Operand bytes of the opcodes that are neither values nor imports. */
const operandBytes = new Map<number, number>([
  [Op.BINPUT, 1],
  [Op.BINGET, 1],
  [Op.LONG_BINPUT, 4],
  [Op.LONG_BINGET, 4],
  [Op.PROTO, 1],
  [Op.EXT1, 1],
  [Op.EXT2, 2],
  [Op.EXT4, 4],
  [Op.FRAME, 8],
]);

const lineOperands: ReadonlySet<number> = new Set([Op.PUT, Op.GET, Op.PERSID]);
const codes: ReadonlySet<number> = new Set(Object.values(Op));

/**
 * Reads opcodes without carrying them out, behind the point where the machine had to give up: a pickle that is
 * broken for us may not be broken for some other reader, and its imports belong into the report. Best effort:
 * it guesses the operands of STACK_GLOBAL from the last strings.
 */
export class ImportScanner {
  private strings: string[] = [];

  constructor(
    private readonly input: PickleInput,
    private readonly imports: ImportLog,
    private readonly budget: PickleBudget,
  ) {}

  /** Ends at STOP or at what is no opcode. @throws NeedBytes when the window ends. */
  run(): void {
    for (;;) {
      const start = this.input.position;
      try {
        if (!this.step()) return;
      } catch (error) {
        this.input.position = start;
        if (error instanceof BadOperand || error instanceof RangeError) return;
        throw error;
      }
    }
  }

  private step(): boolean {
    const { input } = this;
    const offset = input.position;
    const op = input.readU8();
    if (op === Op.STOP || !codes.has(op) || this.budget.opcodes-- <= 0) return false;
    const value = readScalar(op, input);
    if (value !== undefined) {
      if (typeof value === "string") this.strings = [...this.strings.slice(-1), value];
    } else if (op === Op.GLOBAL || op === Op.INST) {
      const module = decodeUtf8(input.readLine(maxPickleLineBytes));
      this.imports.add(...toPython3Name(module, decodeUtf8(input.readLine(maxPickleLineBytes))), offset);
    } else if (op === Op.STACK_GLOBAL) {
      const [module, name] = this.strings;
      this.imports.add(module ?? "?", name ?? "?", offset, name === undefined);
    } else if (lineOperands.has(op)) input.readLine(maxPickleLineBytes);
    else {
      const length = operandBytes.get(op);
      if (length !== undefined) input.readBytes(length);
    }
    return true;
  }
}
