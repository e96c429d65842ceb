import { maxPickleImports } from "../../problem/limits";

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
  /** Its result is called, or is got from what only an attacker reaches for: see `flagIndirectCall`. */
  readonly calledIndirectly: boolean;
}

/** Collects imports as a pickle is read, whether or not it can be read to its end. */
export class ImportLog {
  private readonly found = new Map<
    string,
    { -readonly [Field in keyof PickleImport]: PickleImport[Field] }
  >();
  /** More were found than are kept. */
  overflow = false;

  add(module: string, name: string, offset: number, computed = false): void {
    const key = `${computed ? "?" : ""}${module}\n${name}`;
    const known = this.found.get(key);
    if (known !== undefined) known.count++;
    else if (this.found.size >= maxPickleImports) this.overflow = true;
    else this.found.set(key, { module, name, count: 1, offset, computed, calledIndirectly: false });
  }

  /**
   * `getattr` and `partial` are honest where they name a method or wrap a class (schedulers and enums do), and a
   * way around every list where the pickle calls what they give.
   */
  flagIndirectCall(module: string, name: string): void {
    const known = this.found.get(`${module}\n${name}`);
    if (known !== undefined) known.calledIndirectly = true;
  }

  toArray(): PickleImport[] {
    return [...this.found.values()];
  }
}
