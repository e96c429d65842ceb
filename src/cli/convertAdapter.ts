import { resolve } from "node:path";
import {
  adapterPlanReport,
  adapterPlanText,
  convertedAdapterReport,
  convertedAdapterText,
} from "../core/report/convertAdapterReport";
import { CheckpointSession } from "../core/session/checkpointSession";
import { convertAdapter, planAdapterConversion } from "../core/transform/dialect/convertAdapter";
import type { TargetDialect } from "../core/transform/dialect/targetModules";
import { nodeFiles } from "../worker/nodeFiles";
import { type CommandResult, noUserStage } from "./command";
import { readRule } from "./makeFlags";
import { makeOptions } from "./makeOptions";
import { outOf, readModelFlags } from "./modelFlags";

interface AdapterValues {
  readonly base?: string | undefined;
  readonly rank?: string | undefined;
  readonly energy?: string | undefined;
  readonly dtype?: string | undefined;
  readonly out?: string | undefined;
  readonly replace: boolean;
  readonly json: boolean;
  readonly "dry-run": boolean;
}

/** `convert` of an adapter to another dialect. */
export async function convertAdapterTo(
  path: string,
  to: TargetDialect,
  values: AdapterValues,
): Promise<CommandResult> {
  const { dtype, replace } = readModelFlags(values);
  const { rank, energy } = values;
  const rule = rank === undefined && energy === undefined ? undefined : readRule({ rank, energy });
  const open = (each: string) => CheckpointSession.open(nodeFiles, resolve(each), noUserStage);
  const request = {
    source: await open(path),
    to,
    ...(rule === undefined ? {} : { rule }),
    ...(values.base === undefined ? {} : { base: await open(values.base) }),
  };
  if (values["dry-run"]) {
    const plan = planAdapterConversion(request);
    return values.json
      ? { failed: false, report: adapterPlanReport(plan) }
      : { failed: false, text: adapterPlanText(plan) };
  }
  const { out, ...make } = makeOptions({ out: outOf(values), replace });
  const cast = dtype === undefined ? {} : { dtype };
  const converted = await convertAdapter({ ...make, ...request, ...cast, path: out });
  return values.json
    ? { failed: false, report: convertedAdapterReport(converted) }
    : { failed: false, text: convertedAdapterText(converted) };
}
