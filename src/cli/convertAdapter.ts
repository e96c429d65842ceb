import {
  adapterPlanReport,
  adapterPlanText,
  convertedAdapterReport,
  convertedAdapterText,
} from "../core/report/convertAdapterReport";
import { convertAdapter, planAdapterConversion } from "../core/transform/dialect/convertAdapter";
import type { TargetDialect } from "../core/transform/dialect/targetModules";
import { type CommandResult, openSession } from "./command";
import { readRule } from "./flags/makeFlags";
import { makeOptions } from "./flags/makeOptions";
import { outOf, readModelFlags } from "./flags/modelFlags";

interface AdapterValues {
  readonly base?: string | undefined;
  readonly rank?: string | undefined;
  readonly energy?: string | undefined;
  readonly dtype?: string | undefined;
  readonly out?: string | undefined;
  readonly replace: boolean;
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
  const request = {
    source: await openSession(path),
    to,
    ...(rule === undefined ? {} : { rule }),
    ...(values.base === undefined ? {} : { base: await openSession(values.base) }),
  };
  if (values["dry-run"]) {
    const plan = planAdapterConversion(request);
    return { report: () => adapterPlanReport(plan), text: () => adapterPlanText(plan) };
  }
  const { out, ...make } = makeOptions({ out: outOf(values), replace });
  const cast = dtype === undefined ? {} : { dtype };
  const converted = await convertAdapter({ ...make, ...request, ...cast, path: out });
  return { report: () => convertedAdapterReport(converted), text: () => convertedAdapterText(converted) };
}
