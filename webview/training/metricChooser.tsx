import type { MetricSeries } from "../../src/core/runs/metricSeries";
import { Checkbox } from "../ui/controls";
import { safeText } from "../ui/safeText";

export interface MetricChooserProps {
  readonly id: string;
  readonly metrics: readonly MetricSeries[];
  readonly chosen: readonly MetricSeries[];
  readonly onChange: (keys: readonly string[]) => void;
}

/** Which metrics have a chart, by family. */
export function MetricChooser({ id, metrics, chosen, onChange }: MetricChooserProps) {
  const keys = chosen.map(({ key }) => key);
  const groups = groupsOf(metrics);
  const toggle = (changed: readonly MetricSeries[], on: boolean) => {
    const rest = keys.filter((key) => !changed.some((metric) => metric.key === key));
    onChange(on ? [...rest, ...changed.map(({ key }) => key)] : rest);
  };
  return (
    <div class="metric-chooser" id={id}>
      {groups.map(([group, members]) => {
        const all = members.every(({ key }) => keys.includes(key));
        return (
          <fieldset key={group} class="metric-group">
            <legend>
              {safeText(group)}
              {members.length > 1 && (
                <button
                  type="button"
                  class="link"
                  aria-label={`${all ? "none" : "all"} of ${safeText(group)}`}
                  onClick={() => toggle(members, !all)}
                >
                  {all ? "none" : "all"}
                </button>
              )}
            </legend>
            {members.map((metric) => (
              <Checkbox
                key={metric.key}
                checked={keys.includes(metric.key)}
                onChange={(on) => toggle([metric], on)}
                title={safeText(metric.key)}
              >
                {safeText(metric.label)}
              </Checkbox>
            ))}
          </fieldset>
        );
      })}
    </div>
  );
}

/** In the order in which the families first occur. */
function groupsOf(metrics: readonly MetricSeries[]): [group: string, members: MetricSeries[]][] {
  const groups = new Map<string, MetricSeries[]>();
  for (const metric of metrics) groups.set(metric.group, [...(groups.get(metric.group) ?? []), metric]);
  return [...groups];
}
