import * as vscode from "vscode";
import { checkpointIdentity } from "../core/checkpoint/identity";
import { messageOf } from "../core/problem/messageOf";
import type { Run, RunCheckpoint } from "../core/runs/run";
import { loadSnippetOf } from "./analysis/loadSnippet";
import type { WorkerClient } from "./analysis/workerClient";
import type { ComparePanels } from "./compare/comparePanels";
import type { CheckpointEditorProvider } from "./editor/checkpointEditor";
import { copyText, openPath, revealInExplorer } from "./editor/openPath";
import { askStage } from "./files/askStage";
import type { SampleRun } from "./files/sampleRun";
import type { StageStore } from "./files/stageStore";
import type { Log } from "./log";
import { makeExtractedAdapter } from "./make/extractAdapter";
import type { MakePanels } from "./make/makePanels";
import { pickCheckpoint } from "./make/pickCheckpoint";
import type { SnapshotMaker } from "./make/snapshotMaker";
import { showError } from "./messages";
import { askWhatToDelete, deleteCheckpoints } from "./runs/deleteCheckpoints";
import { pickRun } from "./runs/pickRuns";
import { openedPath, type RunNode } from "./runs/runNodes";
import type { RunPanels } from "./runs/runPanels";
import type { RunsModel } from "./runs/runsModel";
import type { SortChoice } from "./runs/sortChoice";

export interface CommandServices {
  readonly log: Log;
  readonly runs: RunsModel;
  readonly runsView: vscode.TreeView<RunNode>;
  readonly runPanels: RunPanels;
  readonly comparePanels: ComparePanels;
  readonly stages: StageStore;
  readonly sample: SampleRun;
  readonly sorting: SortChoice;
  readonly maker: SnapshotMaker;
  readonly makePanels: MakePanels;
  readonly editors: CheckpointEditorProvider;
  readonly worker: Pick<WorkerClient, "call">;
}

type CheckpointNode = Extract<RunNode, { kind: "checkpoint" }>;

/** What a menu hands to a command: a row of the run tree, or a file of VS Code's explorer. */
type Target = RunNode | vscode.Uri | undefined;

const compareSelectionContext = "checkpointExplorer.hasCompareSelection";

/** Every command of package.json, by its id. A failure is told to the user and kept in the log. */
export function registerCommands(services: CommandServices): vscode.Disposable[] {
  let selectedForCompare: readonly string[] = [];
  const {
    runs,
    runsView,
    runPanels,
    comparePanels,
    stages,
    sample,
    log,
    sorting,
    maker,
    makePanels,
    editors,
    worker,
  } = services;

  const commands: Record<string, (target: Target, selection?: readonly Target[]) => unknown> = {
    open: async (target) => {
      const path = openedPathOf(target);
      if (path !== undefined) await openPath(path);
      else await chooseAndOpen(runs);
    },
    openRow: () => openRow(runsView.selection[0]),
    openChart: async (target) => {
      const run = runOf(target) ?? (await pickRun(runs, "Chart of which run?"));
      if (run !== undefined) await runPanels.showRuns([run.id]);
    },
    overlayRuns: async (target, selection) => {
      const chosen = isNode(target) && selection === undefined ? runsView.selection : (selection ?? []);
      await runPanels.showRuns(chosen.flatMap((each) => runOf(each)?.id ?? []));
    },
    openLogChart: async (target) => {
      const path = pathOf(target) ?? (await askForLog());
      if (path !== undefined) runPanels.showLog(path);
    },
    timeline: async (target) => {
      const run =
        isNode(target) && "run" in target ? target.run : await pickRun(runs, "Follow which run?", 2);
      if (run !== undefined) comparePanels.openTimeline(run.name, followedPathsOf(run));
    },
    lineage: async (target) => {
      const run = runOf(target) ?? (await pickRun(runs, "Lineage of which run?", 2));
      const readable = run?.checkpoints.filter(({ mainFile }) => mainFile !== undefined) ?? [];
      if (run !== undefined)
        comparePanels.openLineage(
          run.name,
          readable.map(({ path }) => path),
        );
    },
    // Called on a row outside the selection, VS Code passes that row alone; the words mean the selection.
    compareSelected: (target, selection) =>
      comparePanels.open(
        isNode(target) && selection === undefined && runsView.selection.length > 1
          ? pathsOf(undefined, runsView.selection)
          : pathsOf(target, selection),
      ),
    compareWith: (target, selection) => comparePanels.open(pathsOf(target, selection)),
    selectForCompare: async (target, selection) => {
      selectedForCompare = pathsOf(target, selection);
      await vscode.commands.executeCommand(
        "setContext",
        compareSelectionContext,
        selectedForCompare.length > 0,
      );
    },
    compareWithSelected: (target, selection) =>
      comparePanels.open([...new Set([...selectedForCompare, ...pathsOf(target, selection)])]),
    reduceRank: async (target) => {
      const path = mainFileOf(target) ?? (await pickAdapter(runs));
      if (path !== undefined) await editors.reduceRank(path);
    },
    extractAdapter: (target) => makeExtractedAdapter({ runs, maker, open: openPath }, pathsOf(target)[0]),
    mergeIntoBase: (target, selection) => makePanels.merge(pathsOf(target, selection)),
    saveAsSafetensors: (target) => makePanels.convert(openedPathOf(target)),
    combineAdapters: (target, selection) => makePanels.combine(pathsOf(target, selection)),
    reduceIntruders: (target) => makePanels.reduceIntruders(pathsOf(target)[0]),
    convertAdapter: (target) => makePanels.convertAdapter(pathsOf(target)[0]),
    averageCheckpoints: async (target, selection) => {
      const chosen = pathsOf(target, selection);
      const run =
        chosen.length > 1
          ? undefined
          : (runOf(target) ?? (await pickRun(runs, "Average checkpoints of which run?", 2)));
      await makePanels.average(chosen, run);
    },
    setStage: (target, selection) => askStage(stages, pathsOf(target, selection)),
    reveal: async (target) => {
      const path = pathOf(target);
      if (path !== undefined) await revealInExplorer(path);
    },
    copyPath: async (target, selection = [target]) => {
      const paths = selection.flatMap((each) => pathOf(each) ?? []);
      const what = paths.length === 1 ? "the path" : `${paths.length} paths`;
      if (paths.length > 0) await copyText({ text: paths.join("\n"), what });
    },
    copyLoadSnippet: async (target) => {
      const [path, mainFile] = [openedPathOf(target), mainFileOf(target)];
      if (path === undefined || mainFile === undefined) return;
      await copyText({ text: await loadSnippetOf(worker, path, mainFile), what: "the Python snippet" });
    },
    findDeletable: async (target) => {
      const run = runOf(target) ?? (await pickRun(runs, "Delete from which run?", 2));
      if (run !== undefined) await askWhatToDelete(services, run);
    },
    delete: (target, selection) => deleteCheckpoints(services, checkpointsOf(target, selection)),
    sortByStep: () => sorting.choose("step"),
    sortByLoss: () => sorting.choose("loss"),
    sortByEvalLoss: () => sorting.choose("evalLoss"),
    sortByTime: () => sorting.choose("time"),
    sortByName: () => sorting.choose("name"),
    refresh: () => runs.refresh(),
    openSample: async () => {
      await sample.open();
      await runs.refresh();
      await vscode.commands.executeCommand("checkpointExplorer.runs.focus");
    },
    closeSample: async () => {
      await sample.close();
      await runs.refresh();
    },
    showLog: () => log.show(),
  };

  return Object.entries(commands).map(([name, run]) =>
    vscode.commands.registerCommand(
      `checkpointExplorer.${name}`,
      async (target: Target, selection?: readonly Target[]) => {
        try {
          await run(target, selection);
        } catch (error) {
          const message = messageOf(error);
          log.error(`${name}: ${message}`);
          showError(`Checkpoint Explorer: ${message}`);
        }
      },
    ),
  );
}

function isNode(target: Target): target is RunNode {
  return target !== undefined && "kind" in target;
}

function isCheckpoint(target: Target): target is CheckpointNode {
  return isNode(target) && target.kind === "checkpoint";
}

function runOf(target: Target): Run | undefined {
  return isNode(target) && (target.kind === "run" || target.kind === "checkpoint") ? target.run : undefined;
}

function checkpointsOf(target: Target, selection?: readonly Target[]): readonly RunCheckpoint[] {
  const chosen = selection !== undefined && selection.length > 0 ? selection : [target];
  return [...new Set(chosen.filter(isCheckpoint).map(({ checkpoint }) => checkpoint))];
}

/** The checkpoints that a command is for: the selection where there is one, else the row it was called on. */
function pathsOf(target: Target, selection?: readonly Target[]): string[] {
  const chosen = selection !== undefined && selection.length > 0 ? selection : [target];
  const paths = chosen.flatMap((each) => {
    if (isCheckpoint(each)) return [each.checkpoint.path];
    return each instanceof vscode.Uri ? [checkpointIdentity(each.fsPath)] : [];
  });
  return [...new Set(paths)];
}

function mainFileOf(target: Target): string | undefined {
  if (isCheckpoint(target)) return target.checkpoint.mainFile;
  return target instanceof vscode.Uri ? target.fsPath : undefined;
}

function openedPathOf(target: Target): string | undefined {
  if (isCheckpoint(target)) return openedPath(target.checkpoint);
  return target instanceof vscode.Uri ? target.fsPath : undefined;
}

function pathOf(target: Target): string | undefined {
  if (target instanceof vscode.Uri) return target.fsPath;
  if (!isNode(target)) return undefined;
  switch (target.kind) {
    case "run":
      return target.run.path;
    case "checkpoint":
      return target.checkpoint.path;
    case "part":
      return target.path;
    case "root":
      return undefined;
  }
}

/** What a click on a row of Training Runs does. */
async function openRow(row: RunNode | undefined): Promise<void> {
  if (row?.kind === "part") await openPath(row.path);
  else if (isCheckpoint(row)) await openPath(openedPath(row.checkpoint));
  // As a command of its own, which checks off a step of the walkthrough.
  else await vscode.commands.executeCommand("checkpointExplorer.openChart", row);
}

/** From the command palette and the walkthrough: one of the known checkpoints, or any file. */
async function chooseAndOpen(runs: RunsModel): Promise<void> {
  const options = { title: "Open which checkpoint?", placeHolder: "A checkpoint", exclude: [] };
  const path = await pickCheckpoint(runs, options);
  if (path !== undefined) await openPath(path);
}

function pickAdapter(runs: RunsModel): Promise<string | undefined> {
  return pickCheckpoint(runs, {
    title: "Reduce the rank of which adapter?",
    placeHolder: "A LoRA adapter",
    exclude: [],
    use: "adapter",
  });
}

/** Checkpoints whose change can be followed: adapters, and where there are not two of them those with full weights. */
function followedPathsOf(run: Run): readonly string[] {
  const readable = run.checkpoints.filter(({ mainFile }) => mainFile !== undefined);
  const adapters = readable.filter(
    ({ kind, parts }) => kind === "file" || parts.some(({ part }) => part === "adapter"),
  );
  return (adapters.length > 1 ? adapters : readable).map(({ path }) => path);
}

async function askForLog(): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({ openLabel: "Open Chart", title: "Log of a training" });
  return picked?.[0]?.fsPath;
}
