import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import type { ProblemList } from "../../problem/problemList";
import type { CheckpointFile } from "../checkpointFile";

/** The files that hold values, each once, in the order in which they are met. */
export class FileList {
  readonly files: CheckpointFile[] = [];
  private readonly indexes = new Map<string, Promise<number>>();

  constructor(
    private readonly disk: Files,
    private readonly folder: string,
  ) {}

  add(relative: string): Promise<number> {
    let index = this.indexes.get(relative);
    if (index === undefined) {
      index = this.look(relative);
      this.indexes.set(relative, index);
    }
    return index;
  }

  report(problems: ProblemList): void {
    for (const { name, path, status } of this.files) {
      if (status !== "missing") continue;
      const message = `${name} is missing: the values in it cannot be read. Copy the whole folder.`;
      problems.addLazily("MissingFile", () => ({
        severity: "error",
        code: "MissingFile",
        message,
        file: path,
      }));
    }
  }

  private async look(relative: string): Promise<number> {
    const path = joinPath(this.folder, ...relative.split("/"));
    const found = await this.disk.stat(path);
    const isThere = found?.kind === "file";
    this.files.push({ name: relative, path, bytes: found?.size ?? 0, status: isThere ? "ok" : "missing" });
    return this.files.length - 1;
  }
}
