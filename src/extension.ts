import { join } from "node:path";
import * as vscode from "vscode";
import { ScanMemory } from "./host/analysis/scanMemory";
import { WorkerClient } from "./host/analysis/workerClient";
import { registerCommands } from "./host/commands";
import { compareViewType } from "./host/compare/comparePanel";
import { ComparePanels } from "./host/compare/comparePanels";
import { CheckpointEditorProvider } from "./host/editor/checkpointEditor";
import { isShownSomewhere, openPath } from "./host/editor/openPath";
import { askStage } from "./host/files/askStage";
import { SampleRun } from "./host/files/sampleRun";
import { StageStore } from "./host/files/stageStore";
import { createLog } from "./host/log";
import { BaseModels } from "./host/make/baseModels";
import { makeViewType } from "./host/make/makePanel";
import { MakePanels } from "./host/make/makePanels";
import { ReportDocuments } from "./host/make/reportDocuments";
import { SnapshotMaker } from "./host/make/snapshotMaker";
import { ChartMemory } from "./host/runs/chartMemory";
import { LiveRuns } from "./host/runs/liveRuns";
import { pickRuns } from "./host/runs/pickRuns";
import { pickSnapshots } from "./host/runs/pickSnapshots";
import { revealRunsOnce } from "./host/runs/revealOnce";
import { RunPanels, runViewType } from "./host/runs/runPanels";
import { RunStatusBar } from "./host/runs/runStatusBar";
import { RunsModel } from "./host/runs/runsModel";
import { RunsTree } from "./host/runs/runsTree";
import { createRunsView, revealCheckpoint } from "./host/runs/runsView";
import { RunsVisibility } from "./host/runs/runsVisibility";
import { SortChoice } from "./host/runs/sortChoice";

/** Builds the parts and wires them; each part's logic lives with the part. */
export function activate(context: vscode.ExtensionContext): void {
  const { extensionUri, subscriptions } = context;
  const log = createLog(subscriptions);
  const worker = new WorkerClient(context.extensionPath, log, context.globalStorageUri.fsPath);
  const warm = () => worker.warm();
  if (isShownSomewhere()) warm();
  const stages = new StageStore(context.workspaceState);
  const scans = new ScanMemory(context.workspaceState, join(context.globalStorageUri.fsPath, "scans"));
  const sample = new SampleRun(context);
  const visibility = new RunsVisibility();
  const sorting = new SortChoice(context.workspaceState);
  const runs = new RunsModel({ worker, stages, log, visibility, extraRoots: () => sample.roots() });
  const baseModels = new BaseModels(context.workspaceState, runs, worker);
  const maker = new SnapshotMaker(context.extensionPath, log, stages, runs);
  const memory = new ChartMemory(context.workspaceState);
  const editors = new CheckpointEditorProvider(extensionUri, worker, stages, scans, memory, {
    maker,
    baseModels,
    compare: (paths) => comparePanels.open(paths),
  });
  const runPanels = new RunPanels({
    extensionUri,
    worker,
    log,
    runs,
    memory,
    open: openPath,
    pickRuns: (exclude) => pickRuns(runs, exclude, "Chart which runs together?"),
  });
  const comparePanels: ComparePanels = new ComparePanels({
    extensionUri,
    worker,
    log,
    userStages: () => stages.entries(),
    pickSnapshots: (exclude, title) => pickSnapshots(runs, exclude, title),
    open: openPath,
    reduceRank: (path) => editors.reduceRank(path),
    baseModels,
    setStage: (path) => askStage(stages, [path]),
    onStagesChanged: stages.onDidChange,
    reveal: (path) => revealCheckpoint(runsTree, runsView, path),
    compare: (paths) => comparePanels.open(paths),
  });
  const runsTree = new RunsTree(runs, sorting, scans, warm);
  const runsView = createRunsView(runsTree, { sorting, runs, visibility, runPanels });
  const reports = new ReportDocuments();
  const makePanels = new MakePanels({
    extensionUri,
    reports,
    worker,
    maker,
    baseModels,
    runs,
    stages,
    log,
    compare: (paths) => comparePanels.open(paths),
    reveal: (path) => revealCheckpoint(runsTree, runsView, path),
  });
  subscriptions.push(
    worker,
    maker,
    reports.register(),
    stages,
    scans,
    visibility,
    sorting,
    runs,
    new RunStatusBar({ model: runs, visibility, runPanels }),
    new LiveRuns(runs, visibility, log),
    ...editors.register(),
    vscode.window.registerWebviewPanelSerializer(compareViewType, comparePanels),
    vscode.window.registerWebviewPanelSerializer(runViewType, runPanels),
    vscode.window.registerWebviewPanelSerializer(makeViewType, makePanels),
    runsView,
    runsView.onDidChangeSelection(warm),
    ...registerCommands({
      log,
      runs,
      runsView,
      runPanels,
      comparePanels,
      stages,
      sample,
      sorting,
      maker,
      makePanels,
      editors,
      worker,
    }),
  );
  void revealRunsOnce(runsTree, runsView, context.workspaceState);
}
