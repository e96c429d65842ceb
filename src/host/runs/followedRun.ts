import { basename } from "node:path";
import type { RunHead } from "../../core/runs/merge/runHead";
import type { Run } from "../../core/runs/run";
import type { OpenRun } from "../../protocol/runCalls";
import type { RunEntry, RunUpdate } from "../../protocol/runSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { toCheckpointError } from "../toCheckpointError";

/** What is charted: a run of the workspace, or a log by itself. */
export type ChartTarget =
  | { readonly kind: "run"; readonly id: string }
  | { readonly kind: "log"; readonly path: string };

export interface FollowServices {
  readonly worker: Pick<WorkerClient, "call">;
  /** The run as it was found last; undefined where it is gone. */
  findRun(id: string): Promise<Run | undefined>;
}

/** A run of a panel, whose logs the worker holds open. */
export class FollowedRun {
  private opening: Promise<void> | undefined;
  private handle: number | undefined;
  private run: Run | undefined;
  private content: RunEntry["content"] = { status: "reading" };
  private readonly closed = new AbortController();

  constructor(
    readonly target: ChartTarget,
    /** Colour, dash and shape. */
    readonly style: number,
    private readonly services: FollowServices,
  ) {}

  get id(): string {
    return this.target.kind === "run" ? this.target.id : this.target.path;
  }

  entry(): RunEntry {
    const { name, path } = this.place();
    return { id: this.id, name, path, style: this.style, content: this.content };
  }

  /** Reads the logs, once. */
  open(): Promise<void> {
    this.opening ??= this.read();
    return this.opening;
  }

  /** Reads the logs from the start. */
  async reopen(): Promise<void> {
    await this.opening;
    this.release();
    this.opening = this.read();
    await this.opening;
  }

  /** @throws when the run could not be read. */
  async openHandle(): Promise<number> {
    await this.open();
    if (this.handle === undefined) throw new Error("The run is not open.");
    return this.handle;
  }

  /**
   * Reads what is new. `reopened` where all was read again: the run is back, or has logs that were not followed;
   * undefined where nothing is different.
   */
  async look(): Promise<RunUpdate | "reopened" | undefined> {
    await this.open();
    if (this.closed.signal.aborted) return undefined;
    const before = this.content;
    const known = this.target.kind === "run" ? await this.services.findRun(this.target.id) : undefined;
    const isGone = this.target.kind === "run" && known === undefined;
    if (isGone || this.handle === undefined) {
      // A log that could not be read is tried again only on request: its reason is on the page.
      if (isGone === (before.status === "failed" && before.problem.code === goneCode)) return undefined;
      await this.reopen();
      return "reopened";
    }
    const { worker } = this.services;
    const news = await worker.call(
      "pollRun",
      { handle: this.handle, ...(known === undefined || known === this.run ? {} : { run: known }) },
      this.closed.signal,
    );
    this.run = known;
    const head =
      news.head ?? (before.status === "ready" ? { ...before.head, progress: news.progress } : undefined);
    if (head !== undefined) this.content = { status: "ready", head };
    if (known !== undefined && head !== undefined && hasUnknownLogs(known, head)) {
      await this.reopen();
      return "reopened";
    }
    const isNew =
      before.status !== "ready" || before.head.progress.lastWrittenMs !== news.progress.lastWrittenMs;
    if (news.head === undefined && !isNew) return undefined;
    return {
      run: this.id,
      ...(news.head === undefined ? {} : { head: news.head }),
      progress: news.progress,
      nowMs: Date.now(),
    };
  }

  close(): void {
    this.closed.abort();
    this.release();
  }

  private place(): { readonly name: string; readonly path: string } {
    if (this.target.kind === "log") return { name: basename(this.target.path), path: this.target.path };
    return this.run ?? { name: basename(this.target.id), path: this.target.id };
  }

  private async read(): Promise<void> {
    try {
      const opened = await this.ask();
      if (this.closed.signal.aborted) return this.forget(opened.handle);
      this.handle = opened.handle;
      this.content = { status: "ready", head: opened.head };
    } catch (error) {
      this.content = { status: "failed", problem: toCheckpointError(error).toProblem() };
    }
  }

  private async ask(): Promise<OpenRun> {
    const { worker, findRun } = this.services;
    const { signal } = this.closed;
    if (this.target.kind === "log") return worker.call("followLog", { path: this.target.path }, signal);
    this.run = await findRun(this.target.id);
    if (this.run === undefined) throw Object.assign(new Error(goneMessage), { code: goneCode });
    return worker.call("followRun", { run: this.run }, signal);
  }

  private release(): void {
    if (this.handle !== undefined) this.forget(this.handle);
    this.handle = undefined;
  }

  private forget(handle: number): void {
    this.services.worker.call("close", { handle }).catch(() => undefined);
  }
}

const goneCode = "RunGone";
const goneMessage =
  "This run is no longer in the workspace: its folder was moved or deleted, or is excluded.";

/** trainer_state.json files come and go with the checkpoints; the worker finds them itself. */
function hasUnknownLogs({ logs }: Run, { sources }: RunHead): boolean {
  const followed = new Set(sources.map(({ path }) => path));
  return logs.some(({ path, format }) => format !== "trainer-state" && !followed.has(path));
}
