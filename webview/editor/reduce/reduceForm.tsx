import { useId } from "preact/hooks";
import { formatNumber } from "../../../src/core/text/quantities";
import type { Reducible } from "../../../src/core/transform/reducibleModules";
import type { ReductionRule } from "../../../src/core/transform/reductionPlan";
import { Checkbox, Dropdown, TextField } from "../../ui/controls";
import type { ReduceViewState } from "../viewState";
import { proposedRank, type ReduceModel } from "./reduceModel";
import { ReduceNumber } from "./reduceNumber";

const rules: readonly {
  readonly value: ReductionRule["kind"];
  readonly label: string;
  readonly help: string;
}[] = [
  { value: "rank", label: "Rank", help: "Every module keeps this many directions, if it has more." },
  { value: "energy", label: "Energy kept", help: "As few as keep this share of the energy, Σσ²." },
  {
    value: "svFro",
    label: "sv_fro (kohya)",
    help: "As few as keep this share of the norm, √Σσ²: 0.95 is 90.25 % of the energy.",
  },
  {
    value: "svCumulative",
    label: "sv_cumulative (kohya)",
    help: "As few as keep this share of the sum of the singular values, Σσ.",
  },
  {
    value: "svRatio",
    label: "sv_ratio (kohya)",
    help: "All directions that are stronger than the first one divided by this number.",
  },
];

export interface ReduceFormProps {
  readonly reduce: ReduceModel;
  readonly reducible: Reducible;
}

/** How ranks are chosen. */
export function ReduceForm({ reduce, reducible }: ReduceFormProps) {
  const viewState = reduce.viewState.value;
  const help = rules.find(({ value }) => value === viewState.kind)?.help;
  return (
    <div class="reduce-form">
      <Field label="Rule">
        {(label) => (
          <Dropdown
            label={label}
            value={viewState.kind}
            options={rules}
            onChange={(kind) => reduce.change({ kind: kind as ReductionRule["kind"] })}
          />
        )}
      </Field>
      <RuleValue reduce={reduce} reducible={reducible} />
      <p class="dim">{help}</p>
      {viewState.kind !== "rank" && <ScopeChoice reduce={reduce} />}
      {viewState.kind !== "rank" && (
        <Field label="At most rank">
          {(label) => (
            <TextField
              class="reduce-number-field"
              label={label}
              placeholder="any"
              value={viewState.limit === undefined ? "" : String(viewState.limit)}
              onInput={(text) => reduce.change({ limit: wholeNumber(text) })}
            />
          )}
        </Field>
      )}
      {isOfKohya(viewState) && (
        <Checkbox
          checked={viewState.kohya}
          title="kohya's resize_lora keeps one direction more than its rules ask for"
          onChange={(kohya) => reduce.change({ kohya })}
        >
          Count as kohya does (one more)
        </Checkbox>
      )}
    </div>
  );
}

function isOfKohya({ kind }: ReduceViewState): boolean {
  return kind === "svFro" || kind === "svCumulative" || kind === "svRatio";
}

function wholeNumber(text: string): number | undefined {
  const number = Number(text.trim());
  return Number.isInteger(number) && number >= 1 ? number : undefined;
}

function RuleValue({ reduce, reducible }: ReduceFormProps) {
  const { kind, rank, energy, svFro, svCumulative, svRatio } = reduce.viewState.value;
  const share = { min: 0.01, max: 1, step: 0.005 };
  switch (kind) {
    case "rank": {
      const value = Math.min(rank ?? proposedRank(reducible), reducible.largestRank);
      return (
        <ReduceNumber
          label="Rank"
          value={value}
          min={1}
          max={reducible.largestRank}
          step={1}
          integer
          valueText={`rank ${value}`}
          onChange={(chosen) => reduce.change({ rank: chosen })}
        />
      );
    }
    case "energy":
      return (
        <ReduceNumber
          label="Energy kept"
          value={energy}
          {...share}
          factor={100}
          unit="%"
          valueText={`${formatNumber(100 * energy)} %`}
          onChange={(chosen) => reduce.change({ energy: chosen })}
        />
      );
    case "svFro":
      return (
        <ReduceNumber
          label="sv_fro"
          value={svFro}
          {...share}
          valueText={formatNumber(svFro)}
          onChange={(chosen) => reduce.change({ svFro: chosen })}
        />
      );
    case "svCumulative":
      return (
        <ReduceNumber
          label="sv_cumulative"
          value={svCumulative}
          {...share}
          valueText={formatNumber(svCumulative)}
          onChange={(chosen) => reduce.change({ svCumulative: chosen })}
        />
      );
    case "svRatio":
      return (
        <ReduceNumber
          label="sv_ratio"
          value={svRatio}
          min={1}
          max={100}
          step={1}
          valueText={formatNumber(svRatio)}
          onChange={(chosen) => reduce.change({ svRatio: chosen })}
        />
      );
  }
}

function ScopeChoice({ reduce }: { readonly reduce: ReduceModel }) {
  const { scope } = reduce.viewState.value;
  const choices = [
    { value: "module", label: "Per module", help: "Each module gets the rank that the rule gives it" },
    {
      value: "uniform",
      label: "Uniform",
      help: "All modules get one rank, with which the rule holds for them together",
    },
  ] as const;
  return (
    <fieldset class="segments" aria-label="Ranks">
      {choices.map(({ value, label, help }) => (
        <button
          key={value}
          type="button"
          class="chip"
          aria-pressed={scope === value}
          title={help}
          onClick={() => reduce.change({ scope: value })}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

export interface FieldProps {
  readonly label: string;
  readonly children: (label: string) => preact.ComponentChildren;
}

/** A control under its label. */
export function Field({ label, children }: FieldProps) {
  const id = useId();
  return (
    <div class="reduce-field">
      <span id={id} class="dim">
        {label}
      </span>
      {children(label)}
    </div>
  );
}
