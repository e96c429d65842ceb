import * as vscode from "vscode";
import type { Run } from "../../core/runs/run";
import { runRow } from "../../core/runs/status/runRows";
import { pickMany, pickOne, showInformation } from "../messages";
import type { RunsModel } from "./runsModel";

/**
 * Lets the user choose one run of the workspace.
 * @param leastCheckpoints runs that have fewer cannot serve, and are not offered
 */
export async function pickRun(
  runs: RunsModel,
  title: string,
  leastCheckpoints = 0,
): Promise<Run | undefined> {
  const { runs: known } = await runs.current();
  const items = known
    .filter(({ checkpoints }) => checkpoints.length >= leastCheckpoints)
    .map((run) => ({ ...itemOf(run), run }));
  if (items.length === 0) {
    void showInformation(
      known.length === 0 ? noRuns : "No run in this workspace has more than one checkpoint.",
    );
    return undefined;
  }
  const picked = await pickOne(items, { title, placeHolder: "A run", matchOnDetail: true });
  return picked?.run;
}

const noRuns = "No training runs were found in this workspace.";

/** What its row in Training Runs says. */
function itemOf(run: Run) {
  const detail = vscode.workspace.asRelativePath(run.path);
  return {
    label: run.name,
    description: runRow(run, Date.now()).description,
    ...(detail === run.name ? {} : { detail }),
  };
}

/** Lets the user choose runs of the workspace; their ids, in the order of the list. */
export async function pickRuns(
  runs: RunsModel,
  exclude: readonly string[],
  title: string,
): Promise<readonly string[]> {
  const { runs: known } = await runs.current();
  const items = known
    .filter(({ id }) => !exclude.includes(id))
    .map((run) => ({ ...itemOf(run), id: run.id }));
  if (items.length === 0) {
    void showInformation(
      exclude.length === 0 ? noRuns : "There are no other training runs in this workspace.",
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
