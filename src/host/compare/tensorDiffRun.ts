import { type CallProgress, type Handlers, isAbortError } from "../../protocol/channel";
import type { DiffHostCalls, DiffState } from "../../protocol/diffSurface";
import { forward } from "../analysis/forward";
import type { WorkerClient } from "../analysis/workerClient";
import { analysisThreads } from "../settings";

const nothing = { doneBytes: 0, totalBytes: 0, elapsedMs: 0, problems: [] };

/** The comparison of values that a compare panel runs or ran. Its results stay in the worker, with the comparison. */
export class TensorDiffRun {
  private state: DiffState = { id: 0, status: "none", ...nothing };
  private running: AbortController | undefined;

  constructor(
    private readonly worker: WorkerClient,
    /** Of the comparison that is shown. @throws while it is computed. */
    private readonly openHandle: () => number,
    private readonly tell: (state: DiffState) => void,
  ) {}

  handlers(): Handlers<DiffHostCalls> {
    return {
      alignedRows: forward(this.worker, "alignedRows", () => ({ handle: this.openHandle() })),
      diffState: () => this.state,
      startDiff: () => void this.start(),
      stopDiff: () => this.running?.abort(),
      diffEntries: async ({ id, first }, signal) =>
        id === this.state.id
          ? this.worker.call("diffEntries", { handle: this.openHandle(), first }, signal)
          : undefined,
      diffDetail: forward(this.worker, "diffDetail", () => ({
        handle: this.openHandle(),
        threads: analysisThreads(),
      })),
    };
  }

  /** The snapshots are others now, or gone: what was found of them is. */
  reset(): void {
    this.running?.abort();
    this.running = undefined;
    this.change({ id: this.state.id + 1, status: "none", ...nothing });
  }

  private async start(): Promise<void> {
    if (this.state.status === "running") return;
    const running = new AbortController();
    this.running = running;
    const { id } = this.state;
    const start = Date.now();
    const isOurs = () => this.running === running;
    const onProgress = ({ done, total }: CallProgress) => {
      if (!isOurs()) return;
      const bytes = { doneBytes: done, totalBytes: total, elapsedMs: Date.now() - start };
      this.change({ id, status: "running", ...bytes, problems: [] });
    };
    this.change({ id, status: "running", ...nothing });
    try {
      const params = { handle: this.openHandle(), threads: analysisThreads() };
      const { problems } = await this.worker.call("diffTensors", params, running.signal, { onProgress });
      if (!isOurs()) return;
      this.change({ ...this.state, status: "done", elapsedMs: Date.now() - start, problems });
    } catch (error) {
      if (!isOurs()) return;
      if (isAbortError(error)) this.change({ ...this.state, status: "stopped" });
      // With another id, so that the page drops what it has.
      else this.change({ id: id + 1, status: "failed", ...nothing, message: messageWithFile(error) });
    }
  }

  private change(state: DiffState): void {
    this.state = state;
    this.tell(state);
  }
}

function messageWithFile(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const file = "file" in error && typeof error.file === "string" ? `${error.file}: ` : "";
  return `${file}${error.message}`;
}
