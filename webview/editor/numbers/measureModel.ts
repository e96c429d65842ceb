import { type Signal, signal } from "@preact/signals";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { type CallProgress, isAbortError } from "../../../src/protocol/channel";
import type { TensorPlace } from "../../../src/protocol/numbersCalls";
import type { EditorHost } from "../editorHost";

export type Measurement =
  | { readonly status: "measuring"; readonly done: number; readonly total: number }
  | { readonly status: "ready"; readonly numbers: TensorNumbers | undefined }
  | { readonly status: "failed"; readonly error: Error };

const mostKept = 200;

/** Numbers of single tensors that were asked for, by the tensor's row. */
export class MeasureModel {
  readonly measurements: Signal<ReadonlyMap<number, Measurement>> = signal(new Map());
  private running: { readonly row: number; readonly abort: AbortController } | undefined;

  constructor(private readonly host: EditorHost) {}

  /** One at a time: whoever asks for another tensor no longer waits for the last one. */
  async measure(tensor: TensorPlace): Promise<void> {
    if (this.running?.row === tensor.row) return;
    this.cancel();
    const running = { row: tensor.row, abort: new AbortController() };
    this.running = running;
    this.set(tensor.row, { status: "measuring", done: 0, total: 0 });
    const onProgress = ({ done, total }: CallProgress) => {
      if (this.running === running) this.set(tensor.row, { status: "measuring", done, total });
    };
    try {
      const numbers = await this.host.call("tensorNumbers", { tensor }, running.abort.signal, { onProgress });
      if (this.running === running) this.set(tensor.row, { status: "ready", numbers });
    } catch (error) {
      if (this.running === running && !isAbortError(error))
        this.set(tensor.row, { status: "failed", error: error as Error });
    } finally {
      if (this.running === running) this.running = undefined;
    }
  }

  cancel(): void {
    if (this.running === undefined) return;
    const { row, abort } = this.running;
    this.running = undefined;
    abort.abort();
    this.set(row, undefined);
  }

  /** The file has changed. */
  invalidate(): void {
    this.cancel();
    this.measurements.value = new Map();
  }

  private set(row: number, measurement: Measurement | undefined): void {
    const others = [...this.measurements.value].filter(([known]) => known !== row).slice(-mostKept);
    this.measurements.value = new Map(measurement === undefined ? others : [...others, [row, measurement]]);
  }
}
