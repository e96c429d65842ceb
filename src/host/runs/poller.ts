export interface PollerOptions {
  /** One look. It is never called while another is under way. */
  readonly look: () => Promise<void>;
  /** Milliseconds between looks; 0 looks only when nudged. */
  readonly intervalMs: () => number;
}

/** Files are written in bursts. */
const nudgeMs = 300;
const shortestPauseMs = 1000;
/** Looking must not take more of the time than this share, however slow the file system is. */
const idleShare = 10;

/** Looks again and again while somebody watches, and only then. */
export class Poller {
  private timer: NodeJS.Timeout | undefined;
  private isWatched = false;
  private isLooking = false;
  private isNudged = false;
  private lastEndMs = Number.NEGATIVE_INFINITY;
  private lastLookMs = 0;

  constructor(private readonly options: PollerOptions) {}

  /** Looks at once when somebody comes, for what was missed. */
  setWatched(watched: boolean): void {
    if (watched === this.isWatched) return;
    this.isWatched = watched;
    this.stopTimer();
    if (!watched) return;
    if (this.isLooking) this.isNudged = true;
    else void this.look();
  }

  /** Something has changed, or the interval has: look soon. */
  nudge(): void {
    if (!this.isWatched) return;
    if (this.isLooking) {
      this.isNudged = true;
      return;
    }
    const rested = performance.now() - this.lastEndMs;
    this.lookIn(Math.max(nudgeMs, shortestPauseMs - rested));
    this.isNudged = true;
  }

  dispose(): void {
    this.isWatched = false;
    this.stopTimer();
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    this.isNudged = false;
    const startMs = performance.now();
    try {
      await this.options.look();
    } finally {
      this.isLooking = false;
      this.lastEndMs = performance.now();
      this.lastLookMs = this.lastEndMs - startMs;
      this.plan();
    }
  }

  private plan(): void {
    if (!this.isWatched) return;
    const intervalMs = this.options.intervalMs();
    if (this.isNudged) this.lookIn(shortestPauseMs);
    else if (intervalMs > 0) this.lookIn(Math.max(intervalMs, this.lastLookMs * idleShare));
  }

  private lookIn(milliseconds: number): void {
    // Events that keep coming must not put it off for ever.
    if (this.isNudged && this.timer !== undefined && !this.isLooking) return;
    this.stopTimer();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.look();
    }, milliseconds);
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
