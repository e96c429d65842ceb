import { baseName } from "../../src/core/bytes/paths";
import type { JobPlan, ModelJob, PlannedSource } from "../../src/core/report/jobs/modelJob";
import { formatBytes } from "../../src/core/text/quantities";
import { Button, TextField } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MiddleEllipsis } from "../ui/names/middleEllipsis";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { fewestOf, weightedOf, withWeighted } from "./jobSources";
import type { MakeModel } from "./makeModel";

export interface PlanSourcesProps {
  readonly model: MakeModel;
  readonly job: ModelJob;
  /** Of these sources, or of those before the last change. */
  readonly plan: JobPlan | undefined;
}

const roleNames: Readonly<Record<PlannedSource["role"], string>> = {
  base: "Base",
  adapter: "Adapter",
  snapshot: "Checkpoint",
  source: "Source",
};

interface Row {
  readonly role: PlannedSource["role"];
  readonly path: string;
  /** Of the weighted sources; undefined for one that counts as it is. */
  readonly at?: number;
}

/** What will be read. */
export function PlanSources({ model, job, plan }: PlanSourcesProps) {
  const rows = rowsOf(job);
  const weighted = weightedOf(job);
  const role = job.kind === "average" ? "snapshot" : "adapter";
  return (
    <Section title="Reads">
      <ul class="make-sources">
        {rows.map((row, index) => {
          const known = plan?.sources.find(({ path, role: of }) => path === row.path && of === row.role);
          const name = safeText(baseName(row.path));
          return (
            <li key={`${index} ${row.path}`} class="make-source">
              <span class="make-role dim">{roleNames[row.role]}</span>
              <span class="make-source-name" title={safeText(row.path)}>
                <strong>
                  <MiddleEllipsis text={baseName(row.path)} tail={14} />
                </strong>
                <span class="dim">{safeText(known?.what ?? "")}</span>
              </span>
              <span class="number make-bytes">{known === undefined ? "" : formatBytes(known.bytes)}</span>
              <span class="make-source-actions">
                {row.at !== undefined && (
                  <WeightField
                    label={`Weight of ${name}`}
                    value={weighted[row.at]?.weight ?? 1}
                    onChange={(weight) =>
                      model.changeJob(
                        withWeighted(
                          job,
                          weighted.map((each, at) => (at === row.at ? { ...each, weight } : each)),
                        ),
                      )
                    }
                  />
                )}
                {row.at !== undefined && weighted.length > fewestOf(job) && (
                  <Button
                    look="icon"
                    label={`Leave ${name} out`}
                    onClick={() =>
                      model.changeJob(
                        withWeighted(
                          job,
                          weighted.filter((_, at) => at !== row.at),
                        ),
                      )
                    }
                  >
                    <Icon name="close" />
                  </Button>
                )}
                {row.role === "base" && (
                  <button type="button" class="link" onClick={() => void model.chooseSource("base")}>
                    Change…
                  </button>
                )}
              </span>
            </li>
          );
        })}
      </ul>
      {weighted.length > 0 && (
        <p class="make-hint">
          <button type="button" class="link" onClick={() => void model.chooseSource(role)}>
            {role === "adapter" ? "Add an adapter…" : "Add a checkpoint…"}
          </button>
        </p>
      )}
    </Section>
  );
}

function rowsOf(job: ModelJob): readonly Row[] {
  switch (job.kind) {
    case "merge":
      return [
        { role: "base", path: job.base },
        ...job.adapters.map(({ path }, at): Row => ({ role: "adapter", path, at })),
      ];
    case "intruders":
      return [
        { role: "base", path: job.base },
        { role: "adapter", path: job.adapter },
      ];
    case "combine":
      return job.adapters.map(({ path }, at): Row => ({ role: "adapter", path, at }));
    case "convert":
    case "dialect":
      return [{ role: "source", path: job.source }];
    case "average":
      return job.snapshots.map(({ path }, at): Row => ({ role: "snapshot", path, at }));
  }
}

interface WeightFieldProps {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

function WeightField({ label, value, onChange }: WeightFieldProps) {
  return (
    <TextField
      class="make-weight"
      label={label}
      value={String(value)}
      start={<span class="dim">×</span>}
      onInput={(text) => {
        const number = Number(text.trim());
        if (text.trim() !== "" && Number.isFinite(number) && number !== value) onChange(number);
      }}
    />
  );
}
