import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../projectRoot";

/** Copies the sample run, without the script that makes it, into a new folder that tests may change. */
export function copySamplePipeline(folder: string): void {
  mkdirSync(folder);
  for (const name of ["01-svd", "02-rank-reduction", "03-fine-tuning", "base"])
    cpSync(join(projectRoot, "media", "sample", name), join(folder, name), { recursive: true });
}
