import { MetricFacts } from "../../../../src/core/runs/merge/metricFacts";
import type { RunHead } from "../../../../src/core/runs/merge/runHead";
import type { TrainingView } from "../../../../src/core/runs/merge/trainingView";
import { indexAtStep, type MetricSeries } from "../../../../src/core/runs/series/metricSeries";
import { evalLossKeyOf, lossKeyOf, type RunProgress } from "../../../../src/core/runs/series/runProgress";
import { type AxisKind, tokenKeyOf } from "../../../../src/core/runs/series/seriesAxis";
import { SeriesSampler } from "../../../../src/core/runs/series/seriesSampler";
import { StepCurve } from "../../../../src/core/runs/series/stepCurve";

export interface ChartedSampleOptions {
  /** Where the training stands, beyond what the points say. */
  readonly progress?: Partial<RunProgress>;
}

/** A run whose points were made in code, charted as the worker charts one whose logs it reads. */
export class ChartedSample {
  readonly lines: SeriesSampler;
  private series: ReadonlyMap<string, MetricSeries>;

  constructor(
    private view: TrainingView,
    private readonly options: ChartedSampleOptions = {},
  ) {
    this.series = byKey(view);
    this.lines = new SeriesSampler({
      keys: () => [...this.series.keys()],
      series: (key) => this.series.get(key),
      originSeconds: () => this.originSeconds(),
    });
  }

  /** As when more of the log is read. */
  replace(view: TrainingView): void {
    this.view = view;
    this.series = byKey(view);
  }

  head(): RunHead {
    const { checkpoints, config = [], notes = [], sources, summary, maxSteps, problems } = this.view;
    const facts = new MetricFacts();
    for (const [key, columns] of this.series) facts.replace(key, columns);
    const originSeconds = this.originSeconds();
    const tokens = this.series.get(tokenKeyOf([...this.series.keys()]) ?? "");
    const longest = this.longest();
    const last = checkpoints.at(-1);
    return {
      metrics: facts.heads(2000),
      omittedMetrics: 0,
      axes: this.axes(),
      ...(originSeconds === undefined ? {} : { originSeconds }),
      checkpoints: checkpoints.map((checkpoint) => ({
        ...checkpoint,
        last: checkpoint === last,
        incomplete: false,
        wallTime: curve(longest?.steps, longest?.wallTimes).at(checkpoint.step),
        tokens: curve(tokens?.steps, tokens?.values).at(checkpoint.step),
      })),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      summary,
      notes,
      config,
      sources: sources ?? [
        {
          path: "/runs/llama-lora/checkpoint-480/trainer_state.json",
          format: "trainer-state",
          label: "trainer_state.json",
          metrics: this.series.size,
          points: [...this.series.values()].reduce((sum, { steps }) => sum + steps.length, 0),
          otherTraining: false,
        },
      ],
      problems,
      progress: this.progress(),
    };
  }

  progress(): RunProgress {
    const keys = [...this.series.keys()];
    const lastOf = (key: string | undefined) => this.series.get(key ?? "")?.values.at(-1);
    const { maxSteps, summary } = this.view;
    const step = Math.max(...[...this.series.values()].map(({ steps }) => steps.at(-1) ?? Number.NaN));
    const [lastLoss, lastEvalLoss] = [lastOf(lossKeyOf(keys)), lastOf(evalLossKeyOf(keys))];
    return {
      ...(Number.isFinite(step) ? { step } : {}),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...(lastLoss === undefined ? {} : { lastLoss }),
      ...(lastEvalLoss === undefined ? {} : { lastEvalLoss }),
      ended: summary.length > 0,
      ...this.options.progress,
    };
  }

  epochsAlong(steps: Float64Array): Float64Array {
    const known = [...this.series.values()].find(({ epochs }) => epochs.some(Number.isFinite));
    return curve(known?.steps, known?.epochs).along(steps);
  }

  valueAt(key: string, step: number): number {
    const series = this.series.get(key);
    return series?.values[indexAtStep(series, step)] ?? Number.NaN;
  }

  private axes(): AxisKind[] {
    const all = [...this.series.values()];
    const hasTimes = all.some(({ wallTimes }) => wallTimes?.some(Number.isFinite));
    return [
      "step",
      ...(all.some(({ epochs }) => epochs.some(Number.isFinite)) ? (["epoch"] as const) : []),
      ...(hasTimes ? (["wallTime", "relativeTime"] as const) : []),
      ...(tokenKeyOf([...this.series.keys()]) === undefined ? [] : (["tokens"] as const)),
    ];
  }

  private originSeconds(): number | undefined {
    return this.longest()?.wallTimes?.find(Number.isFinite);
  }

  private longest(): MetricSeries | undefined {
    return [...this.series.values()].sort((a, b) => b.steps.length - a.steps.length)[0];
  }
}

function byKey({ series }: TrainingView): ReadonlyMap<string, MetricSeries> {
  return new Map(series.map((each) => [each.key, each]));
}

function curve(
  steps = new Float64Array(),
  values: Float64Array = new Float64Array(steps.length).fill(Number.NaN),
) {
  return StepCurve.of(steps, values);
}
