import { useEffect } from "preact/hooks";
import { baseName, isPlainFileName, joinPath } from "../../src/core/bytes/paths";
import type { JobPlan, ModelJob } from "../../src/core/report/jobs/modelJob";
import type { WritableDtype } from "../../src/core/tensors/encode";
import { formatBytes, formatCount, plural } from "../../src/core/text/quantities";
import type { ExpertLayout } from "../../src/core/transform/model/expertLayout";
import { movingAverageWeights } from "../../src/core/transform/model/movingAverage";
import { Button, Dropdown, TextField } from "../ui/controls";
import { type Fact, FactList } from "../ui/factList";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import type { MakeModel } from "./makeModel";
import { NoteList } from "./noteList";

export interface PlanTargetProps {
  readonly model: MakeModel;
  readonly job: ModelJob;
  readonly plan: JobPlan;
  /** The plan is that of the job as it stands. */
  readonly isReady: boolean;
}

const dtypes: readonly { readonly value: WritableDtype; readonly label: string }[] = [
  { value: "F32", label: "F32" },
  { value: "BF16", label: "BF16" },
  { value: "F16", label: "F16" },
];

const shardSizes = [1e9, 2e9, 5e9, 10e9, 50e9].map((bytes) => ({
  value: String(bytes),
  label: formatBytes(bytes).replace(/\.0+ /, " "),
}));

const parts = [
  { value: "model", label: "The model alone" },
  { value: "optimizer", label: "The optimizer alone" },
  { value: "all", label: "Every tensor" },
] as const;

/** Where it is written and how, what will be lost, and the button that does it. */
export function PlanTarget({ model, job, plan, isReady }: PlanTargetProps) {
  const { choices } = model;
  const name = (choices.name ?? plan.place.name).trim();
  const folder = choices.folder ?? plan.place.folder;
  const out = joinPath(folder, name);
  const problem = isPlainFileName(name) ? undefined : "A name without / or \\ is needed.";
  useEffect(() => {
    if (problem === undefined) void model.lookAt(out);
  }, [out, problem]);
  const place = model.place.value?.path === out ? model.place.value : undefined;
  const isFile = name.endsWith(".safetensors");
  const isTight = place?.freeBytes !== undefined && place.freeBytes < plan.bytes;
  const write = () => model.host.notify("make", { job, out, maxShardBytes: choices.maxShardBytes });
  return (
    <>
      <Section title="Writes">
        <div class="make-fields">
          <Field label={isFile ? "New file" : "New folder"} wide>
            {(label) => (
              <TextField
                label={label}
                value={choices.name ?? plan.place.name}
                invalid={problem !== undefined}
                describedBy="make-name-note"
                onInput={(text) => model.change({ name: text })}
              />
            )}
          </Field>
          {job.kind === "combine" && (
            <Field label="Rank at most">
              {(label) => (
                <TextField
                  label={label}
                  placeholder="exact"
                  value={job.rank === undefined ? "" : String(job.rank)}
                  onInput={(text) => model.changeJob(withRank(job, Number(text.trim())))}
                />
              )}
            </Field>
          )}
          {job.kind === "intruders" && (
            <Field label="Keep of an intruder">
              {(label) => (
                <TextField
                  label={label}
                  value={String(job.scale)}
                  onInput={(text) => {
                    const scale = Number(text.trim());
                    if (text.trim() !== "" && scale >= 0 && scale < 1) model.changeJob({ ...job, scale });
                  }}
                />
              )}
            </Field>
          )}
          {(job.kind === "merge" || job.kind === "convert") && (
            <Field label="Dtype">
              {(label) => (
                <Dropdown
                  label={label}
                  value={job.dtype ?? "source"}
                  options={[
                    { value: "source", label: job.kind === "merge" ? "As in the base" : "As in the source" },
                    ...dtypes,
                  ]}
                  onChange={(dtype) => model.changeJob(withDtype(job, dtype as WritableDtype | "source"))}
                />
              )}
            </Field>
          )}
          {job.kind === "convert" && (
            <Field label="What">
              {(label) => (
                <Dropdown
                  label={label}
                  value={job.only}
                  options={parts}
                  onChange={(only) => model.changeJob({ ...job, only: only as typeof job.only })}
                />
              )}
            </Field>
          )}
          {job.kind === "convert" && plan.offers?.names === true && (
            <Field label="Names">
              {(label) => (
                <Dropdown
                  label={label}
                  value={job.names ?? "source"}
                  options={[
                    { value: "source", label: "As in the source" },
                    { value: "transformers", label: "Of transformers" },
                  ]}
                  onChange={(names) => model.changeJob(withNames(job, names === "transformers"))}
                />
              )}
            </Field>
          )}
          {job.kind === "convert" && (plan.offers?.experts.length ?? 0) > 0 && (
            <Field label="Experts">
              {(label) => (
                <Dropdown
                  label={label}
                  value={job.experts ?? "source"}
                  options={expertChoices.filter(
                    ({ value }) => value === "source" || plan.offers?.experts.includes(value),
                  )}
                  onChange={(experts) => model.changeJob(withLayout(job, experts as ExpertChoice))}
                />
              )}
            </Field>
          )}
          {job.kind === "average" && (
            <Field label="Moving average, decay">
              {(label) => (
                <TextField
                  label={label}
                  placeholder="none"
                  value={choices.decay ?? ""}
                  onInput={(text) => {
                    model.change({ decay: text });
                    const decay = Number(text.trim());
                    if (decay > 0 && decay < 1) model.changeJob(movingAverage(job, decay));
                  }}
                />
              )}
            </Field>
          )}
          {!isFile && !isAdapterJob(job) && (
            <Field label="Files of at most">
              {(label) => (
                <Dropdown
                  label={label}
                  value={String(choices.maxShardBytes)}
                  options={shardSizes}
                  onChange={(bytes) => model.change({ maxShardBytes: Number(bytes) })}
                />
              )}
            </Field>
          )}
        </div>
        <p id="make-name-note" class={`make-hint ${problem === undefined ? "dim" : "error"}`}>
          {problem ?? (
            <>
              in <bdi title={safeText(folder)}>{safeText(baseName(folder) || folder)}</bdi>
              {place?.taken === true ? ", where it is already: you are asked before it is replaced" : ""}.{" "}
              <button type="button" class="link" onClick={() => void model.chooseFolder(folder)}>
                Choose another folder…
              </button>
              {isFile &&
                !isAdapterJob(job) &&
                " A single file has neither configuration nor stage beside it: its parents are not remembered."}
            </>
          )}
        </p>
        <FactList facts={factsOf(plan, isFile, choices.maxShardBytes, place?.freeBytes)} />
      </Section>
      <Section title="To know">
        <NoteList notes={plan.notes} />
      </Section>
      <div class="make-foot">
        <Button look="primary" disabled={!isReady || problem !== undefined || isTight} onClick={write}>
          {place?.taken === true ? "Replace…" : buttonOf(job)}
        </Button>
        {isTight && (
          <p class="error">
            <Icon name="error" class="error" label="Error" /> The disk has too little room for it.
          </p>
        )}
      </div>
    </>
  );
}

function buttonOf({ kind }: ModelJob): string {
  const words = { merge: "Merge", convert: "Save", average: "Average", combine: "Combine" };
  return { ...words, dialect: "Convert", intruders: "Reduce" }[kind];
}

function withDtype(job: JobOf<"merge" | "convert">, dtype: WritableDtype | "source"): ModelJob {
  const { dtype: _before, ...rest } = job;
  return dtype === "source" ? rest : { ...rest, dtype };
}

type JobOf<K> = Extract<ModelJob, { readonly kind: K }>;

function withNames({ names: _before, ...rest }: JobOf<"convert">, isTransformers: boolean): ModelJob {
  return isTransformers ? { ...rest, names: "transformers" } : rest;
}

type ExpertChoice = ExpertLayout | "source";

const expertChoices: readonly { readonly value: ExpertChoice; readonly label: string }[] = [
  { value: "source", label: "As in the source" },
  { value: "fused", label: "Fused, a tensor for all" },
  { value: "single", label: "Apart, tensors for each" },
];

function withLayout({ experts: _before, ...rest }: JobOf<"convert">, experts: ExpertChoice): ModelJob {
  return experts === "source" ? rest : { ...rest, experts };
}

/** The weights that the snapshots, oldest first, have in it. */
function movingAverage(job: JobOf<"average">, decay: number): ModelJob {
  const weights = movingAverageWeights(decay, job.snapshots.length);
  return { ...job, snapshots: job.snapshots.map((each, at) => ({ ...each, weight: weights[at] ?? 1 })) };
}

/** What it writes is an adapter, in the way of its dialect. */
function isAdapterJob({ kind }: ModelJob): boolean {
  return kind === "combine" || kind === "dialect" || kind === "intruders";
}

/** Without a rank the sum is exact. */
function withRank({ rank: _before, ...rest }: JobOf<"combine">, rank: number): ModelJob {
  return Number.isInteger(rank) && rank > 0 ? { ...rest, rank } : rest;
}

function factsOf(
  plan: JobPlan,
  isFile: boolean,
  maxShardBytes: number,
  freeBytes: number | undefined,
): readonly Fact[] {
  const files = isFile ? 1 : Math.max(1, Math.ceil(plan.bytes / maxShardBytes));
  const { carried } = plan;
  return [
    { name: "Size", value: formatBytes(plan.bytes) },
    ...(freeBytes === undefined ? [] : [{ name: "Free on this disk", value: formatBytes(freeBytes) }]),
    { name: "Tensors", value: formatCount(plan.tensors) },
    { name: "Dtype", value: plan.dtypes.join(", ") },
    { name: "Weights in", value: files === 1 ? "1 file" : `about ${plural(files, "file")}, with an index` },
    ...(isFile || carried.length === 0
      ? []
      : [{ name: "Goes along", value: carried.map(safeText).join(", ") }]),
  ];
}

interface FieldProps {
  readonly label: string;
  readonly wide?: boolean;
  readonly children: (label: string) => preact.ComponentChildren;
}

/** A control under its label. */
function Field({ label, wide = false, children }: FieldProps) {
  return (
    <div class={wide ? "make-field make-field-wide" : "make-field"}>
      <span class="dim" aria-hidden="true">
        {label}
      </span>
      {children(label)}
    </div>
  );
}
