import type { BaseSearch } from "../core/base/baseModel";
import { hubFolders } from "../worker/hubFolders";

/** Paths of base models may be meant from where the command is given, as those of the training were. */
export function baseSearch(): BaseSearch {
  return { hubFolders: hubFolders(), roots: [process.cwd()] };
}
