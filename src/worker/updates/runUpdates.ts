import { JobFiles } from "../numbers/jobFiles";
import { RowBuffers } from "./rowBuffers";
import { updateResult } from "./updateResult";
import type { UpdateResult, UpdatesJob } from "./updatesJob";

/** How long memory is kept after a job, for the next of the same pass. */
const keptMs = 2000;

let buffers = new RowBuffers();
let forgetting: NodeJS.Timeout | undefined;

/**
 * Does a job row by row; fewer results than rows where it was cancelled. It waits for nothing but what is there already:
 * a thread does nothing else meanwhile.
 */
export async function runUpdates({
  task,
  rows,
  paths,
  control,
}: UpdatesJob): Promise<readonly UpdateResult[]> {
  clearTimeout(forgetting);
  const files = new JobFiles(paths);
  const reader = buffers.over(files);
  const results: UpdateResult[] = [];
  try {
    for (const row of rows) {
      if (control.isCancelled) break;
      const readers = row.modules.map(() => reader);
      results.push(await updateResult(task, row, readers));
      buffers.endRow();
    }
  } finally {
    files.close();
  }
  forgetting = setTimeout(() => {
    buffers = new RowBuffers();
  }, keptMs).unref();
  return results;
}
