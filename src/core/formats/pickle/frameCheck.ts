import type { Problem } from "../../problem/problem";
import { latin1Text } from "../../text/latin1";
import { isDangerousGlobal } from "./dangerousGlobals";
import type { ImportLog } from "./importLog";
import { opcodeName } from "./opcode";
import type { PickleInput } from "./pickleInput";
import { decodeUtf8 } from "./pickleText";

interface HiddenImport {
  readonly module: string;
  readonly name: string;
  readonly offset: number;
}

/** How much of what an opcode took from beyond its frame is looked at. */
const maxSweptBytes = 64 * 1024;

/**
 * A frame says how many bytes of opcodes follow. An opcode whose operand ends beyond its frame is read differently
 * by Python's own two unpicklers (CPython issue 154848), so that what is data for one is code for the other.
 */
export class FrameCheck {
  private end = 0;
  private crossedFrom = 0;
  private crossedTo = 0;

  begin(length: number, input: PickleInput): void {
    // A frame in a frame may end where it likes: the outer one's end is passed over.
    this.end = Math.max(this.end, input.position + length);
  }

  /** Whether opcodes that go up to a place are more than the frame holds, or all that is left of it. */
  isEndedBy(position: number): boolean {
    return this.end !== 0 && position >= this.end;
  }

  /** Asked after every opcode. */
  isCrossed(input: PickleInput): boolean {
    const { end } = this;
    if (end === 0 || input.position < end) return false;
    this.end = 0;
    this.crossedFrom = end;
    this.crossedTo = input.position;
    return input.position > end;
  }

  /** Told where an opcode crossed the end of its frame; what may be hidden there counts as imported. */
  report(input: PickleInput, imports: ImportLog, op: number, offset: number): Problem {
    for (const hidden of this.hiddenImports(input)) imports.add(hidden.module, hidden.name, hidden.offset);
    const message =
      `${opcodeName(op)} takes bytes from beyond the end of its frame. No pickler writes that, and ` +
      "readers differ in what they make of it: what Python runs may not be what is shown here.";
    return { severity: "error", code: "CrossedFrame", message, offset };
  }

  /** Dangerous names in the bytes that were taken for an operand, as any opcode would write them. */
  private hiddenImports(input: PickleInput): readonly HiddenImport[] {
    const to = Math.min(this.crossedTo, this.crossedFrom + maxSweptBytes);
    const bytes = input.peek(this.crossedFrom, to);
    const text = latin1Text(bytes);
    const found: HiddenImport[] = [];
    const add = (module: string, name: string, at: number) => {
      if (isDangerousGlobal(module, name)) found.push({ module, name, offset: this.crossedFrom + at });
    };
    for (const { 1: module = "", 2: name = "", index } of text.matchAll(spelledOut)) {
      add(module, name, index - module.length - 1);
    }
    const strings: string[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const length = shortTextAt(bytes, at);
      if (length !== undefined) strings.push(decodeUtf8(bytes.subarray(at + 2, at + 2 + length)));
      else if (bytes[at] === 0x93) {
        const [module, name] = strings.slice(-2);
        if (module !== undefined && name !== undefined) add(module, name, at);
      }
    }
    return found;
  }
}

/** GLOBAL and INST, told from the end of their first line: any letter before it may be their opcode. */
const spelledOut = /\n(?<=[ci]([\w.]{1,200})\n)([\w.]{1,200})(?=\n)/g;

/** The length of a SHORT_BINUNICODE that could be a name. */
function shortTextAt(bytes: Uint8Array, at: number): number | undefined {
  const length = bytes[at + 1];
  if (bytes[at] !== 0x8c || length === undefined || at + 2 + length > bytes.length) return undefined;
  return /^[\w.]+$/.test(latin1Text(bytes.subarray(at + 2, at + 2 + length))) ? length : undefined;
}
