import { mappingOf, numberOf } from "../../formats/contentView";
import type { FileContent } from "../../formats/format";
import { keyText } from "../../formats/pythonText";
import { formatCount, plural } from "../../text/quantities";
import type { StoppedBy } from "../summary";

/**
 * How Lightning's EarlyStopping ended the training, as its state says (`EarlyStopping.state_dict`); undefined where it
 * did not. Its patience is used up, or it stopped in the very epoch of the save: one that went on under a longer
 * patience keeps the epoch in which it had stopped.
 * @param epoch of the file, counted from 0 as `stopped_epoch` is
 */
export function stoppedBy({ root }: FileContent, epoch: number | undefined): StoppedBy | undefined {
  for (const [key, value] of mappingOf(mappingOf(root)?.get("callbacks"))?.entries() ?? []) {
    const name = keyText(key);
    const state = mappingOf(value);
    const waited = numberOf(state?.get("wait_count"));
    const patience = numberOf(state?.get("patience"));
    const stopped = numberOf(state?.get("stopped_epoch"));
    if (!name.includes("EarlyStopping") || waited === undefined || stopped === undefined) continue;
    const monitor = /'monitor': '([^']*)'/.exec(name)?.[1] ?? "its metric";
    if (patience !== undefined && waited >= patience && waited > 0)
      return {
        callback: "EarlyStopping",
        why: `${monitor} was no better in ${plural(waited, "evaluation")}, its patience ${formatCount(patience)}`,
      };
    if (stopped > 0 && stopped === epoch)
      return { callback: "EarlyStopping", why: `${monitor} reached a limit of it` };
  }
  return undefined;
}
