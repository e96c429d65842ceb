import { formatPosition } from "../charts/axisTicks";
import type { ChartRange } from "../charts/chartSeries";
import type { ChartView } from "../charts/chartView";
import { Icon } from "../ui/icon";
import { maxSmoothing, type TrainingPlace } from "./trainingPlace";

export interface TrainingToolbarProps {
  readonly place: TrainingPlace;
  readonly change: (part: Partial<TrainingPlace>) => void;
  readonly view: ChartView;
  readonly epochsKnown: boolean;
  /** How many metrics have a chart, and how many could. */
  readonly shownMetrics: number;
  readonly allMetrics: number;
  readonly chooserId: string;
}

export function TrainingToolbar(props: TrainingToolbarProps) {
  const { place, change, view } = props;
  const charts = place.shows === "charts";
  const range = view.range.value;
  const show = (axis: TrainingPlace["axis"]) => {
    // A range in steps means nothing in epochs.
    if (axis !== place.axis) view.range.value = undefined;
    change({ axis });
  };
  return (
    <div class="toolbar training-toolbar" role="toolbar" aria-label="Training charts">
      <Choice
        label="Show as"
        options={[
          ["charts", "Charts", undefined],
          ["table", "Table", undefined],
        ]}
        value={place.shows}
        onChange={(shows) => change({ shows })}
      />
      {charts && (
        <>
          <Choice
            label="Horizontal axis"
            options={[
              ["step", "Step", undefined],
              ["epoch", "Epoch", props.epochsKnown ? undefined : "The log says no epochs"],
            ]}
            value={place.axis}
            onChange={show}
          />
          <button
            type="button"
            class="chip"
            aria-pressed={place.logarithmic}
            title="Logarithmic value axes"
            onClick={() => change({ logarithmic: !place.logarithmic })}
          >
            Log scale
          </button>
          <label class="smoothing" title="Exponential moving average, drawn over the values as logged">
            Smoothing
            <input
              type="range"
              min="0"
              max={maxSmoothing}
              step="0.01"
              value={place.smoothing}
              onInput={(event) => change({ smoothing: Number(event.currentTarget.value) })}
            />
            <output class="number">{place.smoothing === 0 ? "off" : place.smoothing.toFixed(2)}</output>
          </label>
          {props.allMetrics > 0 && (
            <button
              type="button"
              class="chip"
              aria-expanded={place.choosing}
              aria-controls={props.chooserId}
              onClick={() => change({ choosing: !place.choosing })}
            >
              Metrics
              <span class="dim number">{`${props.shownMetrics} of ${props.allMetrics}`}</span>
              <Icon name={place.choosing ? "chevronUp" : "chevronDown"} />
            </button>
          )}
          {range !== undefined && (
            <button
              type="button"
              class="chip"
              title="Show everything (0)"
              onClick={() => {
                view.range.value = undefined;
              }}
            >
              Reset zoom
              <span class="dim number">{rangeText(place.axis, range)}</span>
            </button>
          )}
        </>
      )}
    </div>
  );
}

function rangeText(axis: TrainingPlace["axis"], { min, max }: ChartRange): string {
  const round = axis === "step" ? Math.round : (value: number) => Number(value.toPrecision(4));
  return `${axis}s ${formatPosition(round(min))} to ${formatPosition(round(max))}`;
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
