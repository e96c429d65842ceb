import type { Files } from "../../core/bytes/files";

/** Lets whoever looks through a workspace wait while somebody waits for a file that was opened. */
export class OpeningsFirst {
  private openings = 0;
  private waiting: (() => void)[] = [];

  /** Does what a user waits for. */
  async opening<T>(work: () => Promise<T>): Promise<T> {
    this.openings++;
    try {
      return await work();
    } finally {
      this.openings--;
      if (this.openings === 0) {
        const { waiting } = this;
        this.waiting = [];
        for (const goOn of waiting) goOn();
      }
    }
  }

  /** The same files for whoever has time: each question waits until nothing is being opened. */
  patient(files: Files): Files {
    const whenFree = () =>
      this.openings === 0 ? undefined : new Promise<void>((resolve) => this.waiting.push(resolve));
    return {
      list: async (folder, onBrokenLink) => {
        await whenFree();
        return files.list(folder, onBrokenLink);
      },
      stat: async (path) => {
        await whenFree();
        return files.stat(path);
      },
      open: async (path) => {
        await whenFree();
        return files.open(path);
      },
      realPath: async (path) => {
        await whenFree();
        return files.realPath(path);
      },
    };
  }
}
