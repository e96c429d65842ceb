import type { LoraHead, LoraModuleRow, LoraView } from "../core/session/loraView";

/** Some rows of an adapter's modules, for places from `first` on; what is known of the whole, with the first ones. */
export interface LoraChunk {
  readonly head?: Omit<LoraHead, "modules">;
  readonly first: number;
  readonly rows: readonly LoraModuleRow[];
}

/** What is said of an adapter when all its modules are measured; their rows came before. */
export type LoraRest = Omit<LoraView, "modules">;

/** Puts an adapter's view together from what comes of it. */
export class LoraParts {
  private rows: readonly LoraModuleRow[] = [];
  private head: LoraChunk["head"];

  /** @returns the view so far; undefined before its beginning is there. */
  add({ head, first, rows }: LoraChunk): LoraView | undefined {
    this.head = head ?? this.head;
    this.rows = [...this.rows.slice(0, first), ...rows, ...this.rows.slice(first + rows.length)];
    return this.head && { ...this.head, modules: this.rows };
  }

  finish(rest: LoraRest): LoraView {
    return { ...rest, modules: this.rows };
  }
}
