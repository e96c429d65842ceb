import type { Run } from "../../core/runs/run";
import { plural } from "../../core/text/quantities";
import { pickMany, showInformation } from "../messages";
import type { RunsModel } from "./runsModel";

/** Lets the user choose runs of the workspace; their ids, in the order of the list. */
export async function pickRuns(
  runs: RunsModel,
  exclude: readonly string[],
  title: string,
): Promise<readonly string[]> {
  const { runs: known } = await runs.current();
  const items = known
    .filter(({ id }) => !exclude.includes(id))
    .map((run) => ({ label: run.name, description: describe(run), detail: run.path, id: run.id }));
  if (items.length === 0) {
    void showInformation(
      exclude.length === 0
        ? "No training runs were found in this workspace."
        : "There are no other training runs in this workspace.",
    );
    return [];
  }
  const picked = await pickMany(items, {
    title,
    placeHolder: "Choose one or more runs",
    matchOnDetail: true,
  });
  return (picked ?? []).map(({ id }) => id);
}

function describe({ checkpoints, logs }: Run): string {
  const saved = checkpoints.length === 0 ? [] : [plural(checkpoints.length, "checkpoint")];
  return [...saved, plural(logs.length, "log")].join(" · ");
}
