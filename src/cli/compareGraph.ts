import { Comparison } from "../core/compare/comparison";
import { readLineage } from "../core/compare/readLineage";
import { lineageReport, lineageText, measuredSteps } from "../core/report/lineageReport";
import { nodeFiles } from "../worker/nodeFiles";
import { type CommandResult, noUserStage } from "./command";
import { findRuns } from "./findRuns";

/** More are read for their parents alone: what happened between them is not measured. */
const maxMeasured = 8;

/** `compare --graph`: where snapshots, or all checkpoints of the runs in one folder, come from. */
export async function compareGraph(given: readonly string[]): Promise<CommandResult> {
  const [only] = given;
  const paths = given.length === 1 && only !== undefined ? await checkpointsIn(only) : given;
  const lineage = await readLineage(nodeFiles, paths, noUserStage);
  const here = lineage.nodes.flatMap(({ path, status }) => (status === "here" ? [path] : []));
  const isMeasured = here.length > 1 && here.length <= maxMeasured;
  const comparison = isMeasured ? await Comparison.compute(nodeFiles, here, noUserStage) : undefined;
  const measured = measuredSteps(here, comparison?.view.steps);
  return { report: () => lineageReport(lineage, measured), text: () => lineageText(lineage, measured) };
}

/** The checkpoint itself where the folder is one. */
async function checkpointsIn(path: string): Promise<readonly string[]> {
  const { runs } = await findRuns(path, { maxDepth: 8, maxFolders: 20_000 });
  const found = runs.flatMap(({ run }) => run.checkpoints.filter(({ mainFile }) => mainFile !== undefined));
  return found.length === 0 ? [path] : found.map((checkpoint) => checkpoint.path);
}
