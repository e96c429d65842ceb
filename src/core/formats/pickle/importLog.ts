import { maxImportNameLength, maxPickleImports } from "../../problem/limits";
import { isDangerousGlobal } from "./dangerousGlobals";

/** What a pickle would import, and how often it says so. */
export interface PickleImport {
  readonly module: string;
  /** With dots where protocol 4 walks attributes: `InteractiveInterpreter.runcode`. */
  readonly name: string;
  readonly count: number;
  /** Of the first opcode that names it, from the start of the pickle's stream. */
  readonly offset: number;
  /** The name is not written in the pickle, but would be computed while it is loaded: it can be anything. */
  readonly computed: boolean;
  /** The pickle calls it; a class that is only given its state is not called. */
  readonly called: boolean;
  /** The pickle does with it what no honest one does: see `raiseAlarm`. */
  readonly alarm: boolean;
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** Collects imports as a pickle is read, whether or not it can be read to its end. */
export class ImportLog {
  private lastCalled: { readonly module: string; readonly name: string } | undefined;
  private readonly found = new Map<string, Writable<PickleImport>>();
  /** More were found than are kept. */
  overflow = false;

  add(module: string, name: string, offset: number, computed = false): void {
    const key = computed ? `?${keyOf(module, name)}` : keyOf(module, name);
    const known = this.found.get(key);
    if (known !== undefined) known.count++;
    else if (this.hasRoomFor(module, name)) {
      // Honest names fit into a line; a walk of any length through attributes leads wherever it wants.
      const alarm = module.length > maxImportNameLength || name.length > maxImportNameLength;
      const shown = { module: cut(module), name: cut(name) };
      this.found.set(key, { ...shown, count: 1, offset, computed, called: false, alarm });
    }
  }

  /** The same object again tells nothing new: a model calls one function for each of its tensors. */
  noteCall(callee: { readonly module: string; readonly name: string }): void {
    if (callee === this.lastCalled) return;
    this.lastCalled = callee;
    const known = this.found.get(keyOf(callee.module, callee.name));
    if (known !== undefined) known.called = true;
  }

  /**
   * `getattr` and `partial` are honest where they name a method or wrap a class (schedulers and enums do), and a
   * way around every list where the pickle calls what they give. The same goes for classes that a pickle changes.
   */
  raiseAlarm(module: string, name: string): void {
    const known = this.found.get(keyOf(module, name));
    if (known !== undefined) known.alarm = true;
  }

  toArray(): PickleImport[] {
    return [...this.found.values()];
  }

  /** Decoys must not push out what they are to hide: as many dangerous names as others are kept beside them. */
  private hasRoomFor(module: string, name: string): boolean {
    if (this.found.size < maxPickleImports) return true;
    this.overflow = true;
    return this.found.size < 2 * maxPickleImports && isDangerousGlobal(module, name);
  }
}

function keyOf(module: string, name: string): string {
  return `${cut(module)}\n${cut(name)}`;
}

function cut(name: string): string {
  return name.length > maxImportNameLength ? `${name.slice(0, maxImportNameLength)}…` : name;
}
