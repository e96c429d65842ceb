import { useMemo, useState } from "preact/hooks";
import type { MetricHead } from "../../src/core/runs/merge/runHead";
import { Checkbox, TextField } from "../ui/controls";
import { safeText } from "../ui/safeText";

export interface MetricChooserProps {
  readonly id: string;
  readonly metrics: readonly MetricHead[];
  /** Keys of those that are not drawn. */
  readonly hidden: readonly string[];
  readonly onChange: (hidden: readonly string[]) => void;
}

/** With fewer there is nothing to look for. */
const filteredFrom = 12;

/** Which metrics have a chart, by family. */
export function MetricChooser({ id, metrics, hidden, onChange }: MetricChooserProps) {
  const [filter, setFilter] = useState("");
  const groups = useMemo(() => groupsOf(metrics, filter), [metrics, filter]);
  const toggle = (changed: readonly MetricHead[], on: boolean) => {
    const rest = hidden.filter((key) => !changed.some((metric) => metric.key === key));
    onChange(on ? rest : [...rest, ...changed.map(({ key }) => key)]);
  };
  const shown = groups.flatMap(([, members]) => members);
  return (
    <div class="metric-chooser" id={id}>
      {metrics.length >= filteredFrom && (
        <div class="metric-chooser-tools">
          <TextField label="Filter metrics" placeholder="Filter metrics" value={filter} onInput={setFilter} />
          <button type="button" class="link" onClick={() => toggle(shown, true)}>
            {filter === "" ? "Show all" : "Show these"}
          </button>
          <button type="button" class="link" onClick={() => toggle(shown, false)}>
            {filter === "" ? "Hide all" : "Hide these"}
          </button>
        </div>
      )}
      {groups.map(([group, members]) => {
        const all = members.every(({ key }) => !hidden.includes(key));
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
                checked={!hidden.includes(metric.key)}
                onChange={(on) => toggle([metric], on)}
                title={safeText(metric.key)}
              >
                {safeText(metric.label)}
              </Checkbox>
            ))}
          </fieldset>
        );
      })}
      {groups.length === 0 && <p class="dim">No metric has this in its name.</p>}
    </div>
  );
}

/** In the order in which the families first occur. */
function groupsOf(
  metrics: readonly MetricHead[],
  filter: string,
): [group: string, members: readonly MetricHead[]][] {
  const wanted = filter.trim().toLowerCase();
  const groups = new Map<string, MetricHead[]>();
  for (const metric of metrics) {
    if (!`${metric.key} ${metric.label}`.toLowerCase().includes(wanted)) continue;
    groups.set(metric.group, [...(groups.get(metric.group) ?? []), metric]);
  }
  return [...groups];
}
