import { rangeText } from "../core/adapter/adapterText";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { makeModel } from "../core/report/jobs/makeModel";
import { openJob } from "../core/report/jobs/openJob";
import { planJob } from "../core/report/jobs/planJob";
import { extractCheckpoint } from "../core/report/makeAdapter";
import { CheckpointSession } from "../core/session/checkpointSession";
import { reduceAdapter } from "../core/transform/reduce";
import { openReduceSource } from "../core/transform/reduceSource";
import { ruleProblem } from "../core/transform/reductionPlan";
import type { WrittenAdapter } from "../core/transform/writeAdapter";
import { errorOfShare } from "../core/update/rankChoice";
import type { Handlers, Tell } from "../protocol/channel";
import type { MadeSnapshot, MakeCalls } from "../protocol/makeCalls";
import type { AnalysisPool } from "./analysisPool";
import { nodeFiles } from "./nodeFiles";
import { nodeSink } from "./nodeSink";
import { overallProgress } from "./overallProgress";
import { stageLookup } from "./stageLookup";
import { toolVersion } from "./toolVersion";

/** Measuring or comparing, writing, reading back. */
const passes = 3;

/** Makes new snapshots. */
export function makeHandlers(analysis: AnalysisPool): Handlers<MakeCalls> {
  const common = (tell: Tell) => ({
    files: nodeFiles,
    sink: nodeSink,
    toolVersion,
    now: new Date(),
    pause: () => new Promise<void>((resume) => setImmediate(resume)),
    report: overallProgress(passes, tell.progress),
  });
  return {
    reduce: async ({ path, userStages, options, out, replace, dtype, threads }, signal, tell) => {
      // Options come from a page.
      const wrong = ruleProblem(options.rule);
      if (wrong !== undefined) throw new CheckpointError("WrongRule", wrong);
      const request = { ...common(tell), signal };
      const session = await CheckpointSession.open(nodeFiles, path, stageLookup(userStages), signal);
      const source = await analysis.use(threads, (pool) =>
        openReduceSource(session, { ...request, measure: pool.measureModules(session, signal) }),
      );
      const given = dtype === undefined ? {} : { dtype };
      const result = await analysis.use(threads, (pool) =>
        reduceAdapter({
          ...{ ...request, ...given, source, options, path: out, replace },
          makeFactors: pool.makeFactors(request),
        }),
      );
      return made(result, result.plan.energyKept, result.problems);
    },
    extract: async ({ base, tuned, rule, saveOthers, out, replace, dtype, threads }, signal, tell) => {
      const given = dtype === undefined ? {} : { dtype };
      const request = { ...common(tell), ...given, out, replace, signal };
      const result = await analysis.use(threads, (pool) => {
        const make = { ...request, makeFactors: pool.makeFactors(request) };
        return extractCheckpoint(base, tuned, rule, saveOthers, make);
      });
      return made(result, result.energyKept, result.problems);
    },
    planModel: async ({ job, userStages }, signal) =>
      planJob(await openJob(job, nodeFiles, stageLookup(userStages), signal)),
    makeModel: async ({ job, userStages, out, replace, maxShardBytes, threads }, signal, tell) => {
      const opened = await openJob(job, nodeFiles, stageLookup(userStages), signal);
      const target = { ...common(tell), report: tell.progress, signal };
      return analysis.use(threads, (pool) => {
        const make = { ...target, makeFactors: pool.makeFactors(target) };
        return makeModel(opened, { ...make, path: out, replace, maxShardBytes });
      });
    },
  };
}

function made(
  { path, bytes, modules, worstDeviation }: WrittenAdapter,
  energyKept: number,
  problems: readonly Problem[],
): MadeSnapshot {
  return {
    path,
    bytes,
    moduleCount: modules.length,
    rank: rangeText(modules.map(({ rank }) => rank)),
    energyKept,
    error: errorOfShare(energyKept),
    worstDeviation,
    problems,
  };
}
