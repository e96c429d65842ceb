import { fitFindings } from "../../base/baseFit";
import type { Problem } from "../../problem/problem";
import type { CheckpointSession } from "../../session/checkpointSession";
import { plural } from "../../text/quantities";
import { planAverage } from "../../transform/model/average";
import { carriedFiles } from "../../transform/model/carriedFiles";
import { conversionOffers } from "../../transform/model/conversionOffers";
import { type ConvertPlan, planConversion } from "../../transform/model/convert";
import { exactnessOf } from "../../transform/model/exactness";
import { planMerge } from "../../transform/model/mergePlan";
import { byteSizeOf } from "../../transform/model/shards";
import { conversionPlace, modelPlace, type OutputPlace } from "../../transform/outputPlace";
import { exactnessNotes, noArraysText } from "../convertReport";
import { untiedText } from "../mergeReport";
import { planOfCombination, planOfDialect, planOfIntruders } from "./adapterJobs";
import type { JobPlan } from "./modelJob";
import { noteOf, sourceOf, warningOf } from "./notes";
import type { OpenJob } from "./openJob";

/**
 * Looks at the headers of all sources and says what the job would do.
 * @throws CheckpointError those of `planMerge`, `planConversion`, `planAverage`: why it cannot be done.
 */
export async function planJob(job: OpenJob): Promise<JobPlan> {
  switch (job.kind) {
    case "merge":
      return planOfMerge(job);
    case "convert":
      return planOfConversion(job);
    case "average":
      return planOfAverage(job);
    case "combine":
      return planOfCombination(job);
    case "dialect":
      return planOfDialect(job);
    case "intruders":
      return planOfIntruders(job);
  }
}

async function planOfMerge(job: Extract<OpenJob, { kind: "merge" }>): Promise<JobPlan> {
  const { base, adapters } = job;
  const plan = await planMerge(job);
  const { conversion, changes, replaced, modules } = plan;
  const copied = conversion.tensors.length - changes.size - replaced.size;
  const dtypes = dtypesOf(conversion);
  const isRounded = dtypes.some((dtype) => dtype === "BF16" || dtype === "F16");
  const notes = [
    noteOf(
      `${plural(modules, "module")} ${modules === 1 ? "changes" : "change"} ${plural(changes.size, "weight")}; ` +
        `${plural(copied, "other tensor")} ${copied === 1 ? "stays" : "stay"} what ${copied === 1 ? "it is" : "they are"}${job.dtype === undefined ? ", byte for byte" : ""}.`,
    ),
    ...(replaced.size === 0
      ? []
      : [
          noteOf(
            `${plural(replaced.size, "tensor")} that the adapter saved whole ${replaced.size === 1 ? "takes" : "take"} the place of the base's.`,
          ),
        ]),
    ...(isRounded
      ? [
          noteOf(
            `The result is rounded once, to ${dtypes[0]}. What that takes of each module's ‖ΔW‖ is measured and told when it is written; F32 would keep it.`,
          ),
        ]
      : []),
    ...(plan.isUntied ? [noteOf(untiedText)] : []),
    noteOf("The adapter cannot be taken out of the merged weights again. It stays where it is."),
    ...adapters.flatMap(({ session }) => fitFindings(session, base)),
  ];
  return {
    ...written(conversion, base),
    sources: [sourceOf(base, "base"), ...adapters.map(({ session }) => sourceOf(session, "adapter"))],
    place: modelPlace((adapters[0]?.session ?? base).identity, "merged"),
    notes,
  };
}

/** Of each tensor, so that nobody waits long for a plan. */
const lookedAtBytes = 2 ** 20;

async function planOfConversion(job: Extract<OpenJob, { kind: "convert" }>): Promise<JobPlan> {
  const { source, dtype, only } = job;
  const plan = await planConversion(source, job);
  const { tensors, tied, leftOut, noArrays } = plan;
  const exactness = await exactnessOf(source, plan, { dtype, maxBytes: lookedAtBytes });
  const cast = tensors.filter(({ tensor, dtype: as }) => tensor.packed === undefined && as !== tensor.dtype);
  const unpacked = tensors.filter(({ tensor }) => tensor.packed !== undefined);
  const [first] = tied;
  const notes: Problem[] = [
    cast.length === 0 && unpacked.length === 0
      ? noteOf("Every byte of every tensor is kept.")
      : noteOf(
          [
            ...(unpacked.length === 0
              ? []
              : [
                  `${plural(unpacked.length, "quantised weight")} ${unpacked.length === 1 ? "becomes" : "become"} the values that ${unpacked.length === 1 ? "it stands" : "they stand"} for.`,
                ]),
            ...(cast.length === 0
              ? []
              : [
                  `${plural(cast.length, "tensor")} ${cast.length === 1 ? "is" : "are"} rounded to ${dtype ?? "another dtype"}; by how much is told when it is written.`,
                ]),
          ].join(" "),
        ),
    ...(plan.names === undefined ? [] : [noteOf(plan.names.rule)]),
    ...(exactness?.isExact === true ? exactnessNotes(exactness, dtype).map(noteOf) : []),
    ...(first === undefined
      ? []
      : [
          noteOf(
            `${plural(tied.length, "tensor")} ${tied.length === 1 ? "shares its" : "share their"} memory with another and ${tied.length === 1 ? "is" : "are"} written once: ${first[0]} is ${first[1]}.`,
          ),
        ]),
    ...(leftOut === 0
      ? []
      : [
          warningOf(
            "LeftOut",
            `${plural(leftOut, "tensor")} ${leftOut === 1 ? "is" : "are"} left out: ${only === "optimizer" ? "no state of an optimizer" : "no part of a model"}.`,
          ),
        ]),
    ...(noArrays.length === 0 ? [] : [warningOf("LeftOut", noArraysText(noArrays))]),
    ...(source.settings().length === 0 && source.inside?.progress === undefined
      ? []
      : [
          warningOf(
            "ValuesLeftOut",
            "Safetensors holds tensors alone: settings, step, epoch and other values of the file are not written.",
          ),
        ]),
    ...resumeNote(source),
  ];
  return {
    ...written(plan, source),
    sources: [sourceOf(source, "source")],
    place: conversionPlace(source.identity),
    offers: conversionOffers(source),
    notes,
  };
}

async function planOfAverage({ snapshots }: Extract<OpenJob, { kind: "average" }>): Promise<JobPlan> {
  const sessions = snapshots.map(({ session }) => session);
  const { conversion, taken, problems } = await planAverage(sessions);
  const [first] = sessions as [CheckpointSession];
  const shown = first.checkpoint.name;
  return {
    ...written(conversion, first),
    sources: sessions.map((session) => sourceOf(session, "snapshot")),
    place: averagePlace(sessions),
    notes: [
      noteOf(
        `Every weight becomes the mean of ${snapshots.length}, summed in doubles and rounded once, to the dtype of the first.`,
      ),
      ...(taken === 0
        ? []
        : [
            noteOf(
              `${plural(taken, "tensor")} of integers or truth values ${taken === 1 ? "is" : "are"} taken from the first, ${shown}.`,
            ),
          ]),
      ...problems,
      ...resumeNote(first),
    ],
  };
}

/** Snapshots of one folder are averaged beside themselves. */
function averagePlace(sessions: readonly CheckpointSession[]): OutputPlace {
  return modelPlace(sessions.at(-1)?.identity ?? "", `averaged-${sessions.length}`);
}

function resumeNote({ folder, inside }: CheckpointSession): readonly Problem[] {
  const isState =
    folder.files.some(({ part }) => part === "optimizer") || (inside?.optimizers.length ?? 0) > 0;
  return isState
    ? [
        warningOf(
          "NotResumable",
          "Optimizer, scheduler and random state are not carried over: training cannot be resumed from the result.",
        ),
      ]
    : [];
}

function written(
  plan: ConvertPlan,
  { folder }: CheckpointSession,
): Pick<JobPlan, "tensors" | "bytes" | "dtypes" | "carried"> {
  return {
    tensors: plan.tensors.length,
    bytes: plan.bytes,
    dtypes: dtypesOf(plan),
    carried: carriedFiles(folder).map(({ name }) => name),
  };
}

function dtypesOf({ tensors }: ConvertPlan): readonly string[] {
  const bytes = new Map<string, number>();
  for (const { dtype, tensor } of tensors)
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteSizeOf({ dtype, shape: tensor.shape }));
  return [...bytes].sort((a, b) => b[1] - a[1]).map(([dtype]) => dtype);
}
