import * as vscode from "vscode";
import type { ScanFindings } from "../../core/analysis/scanFindings";
import type { ScanChunk } from "../../core/analysis/scanTable";
import { messageOf } from "../../core/problem/messageOf";
import { type CallListeners, isAbortError } from "../../protocol/channel";
import type { ScanChoice } from "../../protocol/numbersCalls";
import type { ScanState } from "../../protocol/numbersSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { analysisThreads } from "../settings";

/** Pages are told this often at most: they ask for what is new then, and draw it. */
const tellEveryMs = 200;

type Outcome = Pick<ScanState, "status" | "findings" | "message">;

/** The scan of an open checkpoint. Its results are kept here: a hidden page is gone, and asks again when shown. */
export class TensorScan {
  private readonly changed = new vscode.EventEmitter<ScanState>();
  readonly onDidChange = this.changed.event;
  private id = 0;
  private outcome: Outcome = { status: "none" };
  private chunks: ScanChunk[] = [];
  private done = { bytes: 0, total: 0 };
  private startedMs = 0;
  private endedMs = 0;
  private running: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly worker: Pick<WorkerClient, "call">,
    private readonly openHandle: () => Promise<number>,
    /** The folder that scans are kept in. */
    private readonly keepIn: string,
    private readonly onFinished: (findings: ScanFindings) => void,
  ) {}

  state(): ScanState {
    const endMs = this.running === undefined ? this.endedMs : performance.now();
    return {
      id: this.id,
      ...this.outcome,
      doneBytes: this.done.bytes,
      totalBytes: this.done.total,
      elapsedMs: Math.max(0, endMs - this.startedMs),
      chunks: this.chunks.length,
    };
  }

  chunk(id: number, index: number): ScanChunk | undefined {
    return id === this.id ? this.chunks[index] : undefined;
  }

  allChunks(): readonly ScanChunk[] {
    return this.chunks;
  }

  /** Begins, unless a scan is running. @param from a file that `scan` wrote, in place of reading. */
  async start(choice: ScanChoice, from?: string): Promise<void> {
    if (this.running !== undefined) return;
    const running = new AbortController();
    this.clear();
    this.running = running;
    this.startedMs = performance.now();
    this.outcome = { status: "running" };
    this.tell();
    const listeners: CallListeners<ScanChunk> = {
      onProgress: ({ done, total }) => {
        if (this.running !== running) return;
        this.done = { bytes: done, total };
        this.tellSoon();
      },
      onChunk: (chunk) => {
        if (this.running !== running) return;
        this.chunks.push(chunk);
        this.tellSoon();
      },
    };
    try {
      const handle = await this.openHandle();
      const asked = { ...choice, keepIn: this.keepIn, ...(from === undefined ? {} : { from }) };
      const request = { handle, threads: analysisThreads(), ...asked };
      const findings = await this.worker.call("scan", request, running.signal, listeners);
      if (this.running !== running) return;
      this.done = { bytes: this.done.total, total: this.done.total };
      this.end({ status: "done", findings });
      this.onFinished(findings);
    } catch (error) {
      if (this.running !== running) return;
      if (isAbortError(error)) this.end({ status: "cancelled" });
      else this.end({ status: "failed", message: messageOf(error) });
    }
  }

  /** What was measured so far stays. */
  cancel(): void {
    this.running?.abort();
  }

  /** The file is another one: what is known means nothing. */
  reset(): void {
    if (this.outcome.status === "none") return;
    this.running?.abort();
    this.running = undefined;
    this.clear();
    this.tell();
  }

  dispose(): void {
    this.running?.abort();
    this.running = undefined;
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  private clear(): void {
    this.id++;
    this.outcome = { status: "none" };
    this.chunks = [];
    this.done = { bytes: 0, total: 0 };
  }

  private end(outcome: Outcome): void {
    this.running = undefined;
    this.endedMs = performance.now();
    this.outcome = outcome;
    this.tell();
  }

  private tellSoon(): void {
    this.timer ??= setTimeout(() => this.tell(), tellEveryMs);
  }

  private tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.changed.fire(this.state());
  }
}
