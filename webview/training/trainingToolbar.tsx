import type { AxisKind } from "../../src/core/runs/series/seriesAxis";
import type { ChartRange } from "../charts/chartSeries";
import type { ChartView } from "../charts/chartView";
import { Icon } from "../ui/icon";
import { type ChartAxis, chartAxes } from "./chartAxis";
import { SmoothingControl } from "./smoothingControl";
import type { ChangeViewState, TrainingViewState } from "./trainingViewState";

export interface TrainingToolbarProps {
  readonly viewState: TrainingViewState;
  readonly change: ChangeViewState;
  readonly view: ChartView;
  readonly axis: ChartAxis;
  /** Those that a log knows. */
  readonly axes: readonly AxisKind[];
  /** How many metrics have a chart, and how many could. */
  readonly shownMetrics: number;
  readonly allMetrics: number;
  readonly chooserId: string;
}

export function TrainingToolbar(props: TrainingToolbarProps) {
  const { viewState, change, view, axis } = props;
  const charts = viewState.shows === "charts";
  const range = view.range.value;
  const show = (kind: AxisKind) => {
    // A range in steps means nothing in epochs.
    if (kind !== axis.kind) view.range.value = undefined;
    change({ axis: kind });
  };
  const impossible = ({ kind, missing }: ChartAxis) => (props.axes.includes(kind) ? undefined : missing);
  return (
    <div class="toolbar training-toolbar" role="toolbar" aria-label="Training charts">
      <Choice
        label="Show as"
        options={[
          ["charts", "Charts", undefined],
          ["table", "Table", undefined],
        ]}
        value={viewState.shows}
        onChange={(shows) => change({ shows })}
      />
      {charts && (
        <>
          <Choice
            label="Horizontal axis"
            options={chartAxes.map((each) => [each.kind, each.choice, impossible(each)] as const)}
            value={axis.kind}
            onChange={show}
          />
          <button
            type="button"
            class="chip"
            aria-pressed={viewState.logarithmic}
            title="Logarithmic value axes"
            onClick={() => change({ logarithmic: !viewState.logarithmic })}
          >
            Log scale
          </button>
          <SmoothingControl viewState={viewState} change={change} />
        </>
      )}
      {props.allMetrics > 0 && (
        <button
          type="button"
          class="chip"
          aria-expanded={viewState.choosing}
          aria-controls={props.chooserId}
          onClick={() => change({ choosing: !viewState.choosing })}
        >
          Metrics
          <span class="dim number">{`${props.shownMetrics} of ${props.allMetrics}`}</span>
          <Icon name={viewState.choosing ? "chevronUp" : "chevronDown"} />
        </button>
      )}
      {charts && range !== undefined && (
        <button
          type="button"
          class="chip"
          title="Show everything (0)"
          onClick={() => {
            view.range.value = undefined;
          }}
        >
          Reset zoom
          <span class="dim number">{rangeText(axis, range)}</span>
        </button>
      )}
    </div>
  );
}

const namedRanges: Partial<Record<AxisKind, string>> = { step: "steps ", epoch: "epochs " };

function rangeText({ kind, integer, format }: ChartAxis, { min, max }: ChartRange): string {
  const text = (value: number) => format(integer ? Math.round(value) : value);
  return `${namedRanges[kind] ?? ""}${text(min)} to ${text(max)}`;
}

interface ChoiceProps<Id extends string> {
  readonly label: string;
  /** With the reason why it can't be chosen. */
  readonly options: readonly (readonly [id: Id, title: string, impossible: string | undefined])[];
  readonly value: Id;
  readonly onChange: (id: Id) => void;
}

function Choice<Id extends string>({ label, options, value, onChange }: ChoiceProps<Id>) {
  return (
    <fieldset class="segments" aria-label={label}>
      {options.map(([id, title, impossible]) => (
        <button
          key={id}
          type="button"
          class="chip"
          aria-pressed={id === value}
          disabled={impossible !== undefined}
          title={impossible}
          onClick={() => onChange(id)}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
}
