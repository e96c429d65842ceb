import { rangeText } from "../../adapter/adapterText";
import type { LoraModule } from "../../adapter/loraModule";
import { fitFindings } from "../../base/baseFit";
import { elementBytesOf } from "../../tensors/dtype";
import { formatBytes, formatCount, formatNumber } from "../../text/quantities";
import { combine, planCombination } from "../../transform/combine/combine";
import { convertAdapter, planAdapterConversion } from "../../transform/dialect/convertAdapter";
import { targetFormats } from "../../transform/dialect/dialectOutput";
import type { TargetDialect } from "../../transform/dialect/targetModules";
import { alignedModules, reduceIntruders, totals } from "../../transform/intruders/reduceIntruders";
import { isFolderFormat } from "../../transform/outputNames";
import { modelPlace, type OutputPlace } from "../../transform/outputPlace";
import type { WrittenAdapter } from "../../transform/writeAdapter";
import { combineSentences, combineText } from "../combineReport";
import { adapterPlanPhrase, convertedAdapterText } from "../convertAdapterReport";
import { calmedText } from "../intrudersReport";
import type { JobTarget } from "./makeModel";
import type { JobPlan, JobResult } from "./modelJob";
import { noteOf, sourceOf } from "./notes";
import type { OpenJob } from "./openJob";

type CombineJob = Extract<OpenJob, { readonly kind: "combine" }>;
type IntrudersJob = Extract<OpenJob, { readonly kind: "intruders" }>;
type DialectJob = Extract<OpenJob, { readonly kind: "dialect" }>;

const ruleOf = ({ rank }: CombineJob) =>
  rank === undefined ? {} : { rule: { kind: "rank" as const, rank } };

/** Reads the factors of all adapters: where they work against each other is part of the plan. */
export async function planOfCombination(job: CombineJob): Promise<JobPlan> {
  const { adapters } = job;
  const plan = await planCombination({ adapters, ...ruleOf(job) });
  const sized = plan.aligned.modules.flatMap(({ contributions }, at) => {
    const first = contributions[0]?.module;
    return first === undefined ? [] : [{ module: first, rank: plan.ranks.modules[at]?.rank ?? first.rank }];
  });
  const [first] = adapters;
  return {
    ...writes(sized),
    sources: adapters.map(({ session }) => sourceOf(session, "adapter")),
    place: placeIn(plan.aligned.to, first?.session.identity ?? "", "combined"),
    notes: combineSentences(plan, adapters).map(noteOf),
  };
}

export function planOfDialect(job: DialectJob): JobPlan {
  const { source, to } = job;
  const plan = planAdapterConversion(job);
  const modules = source.adapter?.modules ?? [];
  return {
    ...writes(modules.map((module) => ({ module, rank: module.rank }))),
    sources: [sourceOf(source, "source")],
    place: placeIn(to, source.identity, to),
    notes: [
      noteOf(`Writes ${adapterPlanPhrase(plan)}.`),
      noteOf("The factors stay what they are; each ΔW is read back and held against the source's."),
    ],
  };
}

/** The base is decomposed when the result is written: a plan that did it would take as long. */
export function planOfIntruders(job: IntrudersJob): JobPlan {
  const { adapter, base, scale } = job;
  const { to, modules } = alignedModules(job);
  const sized = modules.flatMap(({ contributions }) =>
    contributions.map(({ module }) => ({ module, rank: module.rank })),
  );
  return {
    ...writes(sized),
    sources: [sourceOf(base, "base"), sourceOf(adapter, "adapter")],
    place: placeIn(to, adapter.identity, "fewer-intruders"),
    notes: [
      noteOf(
        `Singular directions of base + ΔW that are like none of the base's are scaled by ${formatNumber(scale)}; the others stay. How many there are before and after is told when it is written; where there are none, nothing is written.`,
      ),
      noteOf("Every weight that the adapter changes is decomposed: of a large model that takes minutes."),
      ...fitFindings(adapter, base),
    ],
  };
}

export async function makeCalmed(job: IntrudersJob, target: JobTarget): Promise<JobResult> {
  const { adapter, base, scale } = job;
  const made = await reduceIntruders({ ...target, adapter, base, scale });
  const { before, after } = totals(made.calmed);
  const { facts, ...result } = resultOf(made, calmedText(made, scale));
  return { ...result, facts: [{ name: "Intruder directions", value: `${before} → ${after}` }, ...facts] };
}

export async function makeCombination(job: CombineJob, target: JobTarget): Promise<JobResult> {
  const made = await combine({ ...target, adapters: job.adapters, ...ruleOf(job) });
  return resultOf(made, combineText(made, job.adapters));
}

export async function makeDialect(job: DialectJob, target: JobTarget): Promise<JobResult> {
  const made = await convertAdapter({ ...target, source: job.source, to: job.to });
  return resultOf(made, convertedAdapterText(made));
}

interface SizedModule {
  readonly module: LoraModule;
  readonly rank: number;
}

function writes(modules: readonly SizedModule[]): Pick<JobPlan, "tensors" | "bytes" | "dtypes" | "carried"> {
  const bytes = modules.map(
    ({ module: { a, inFeatures, outFeatures }, rank }) =>
      rank * (inFeatures + outFeatures) * (elementBytesOf(a.dtype) ?? 4),
  );
  return {
    tensors: 2 * modules.length,
    bytes: bytes.reduce((sum, each) => sum + each, 0),
    dtypes: [...new Set(modules.map(({ module }) => module.a.dtype))],
    carried: [],
  };
}

/** One file where the dialect keeps an adapter in one. */
function placeIn(to: TargetDialect, identity: string, what: string): OutputPlace {
  const { folder, name } = modelPlace(identity, what);
  return { folder, name: isFolderFormat(targetFormats[to]) ? name : `${name}.safetensors` };
}

function resultOf({ path, bytes, modules, worstDeviation }: WrittenAdapter, text: string): JobResult {
  const rows = modules.map(({ module, rank, norm }) => [module, String(rank), formatNumber(norm)]);
  return {
    path,
    facts: [
      { name: "Modules", value: formatCount(modules.length) },
      { name: "Rank", value: rangeText(modules.map(({ rank }) => rank)) },
      { name: "Size", value: formatBytes(bytes) },
      { name: "‖ΔW‖ read back, off by", value: formatNumber(worstDeviation, 2) },
    ],
    table: { title: "Modules", headings: ["Module", "Rank", "‖ΔW‖"], rows },
    notes: [],
    report: `\`\`\`\n${text.replaceAll("```", "'''")}\n\`\`\`\n`,
  };
}
