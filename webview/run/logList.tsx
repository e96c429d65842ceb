import type { LogFormatId } from "../../src/core/runs/logs/logFormat";
import { formatCount, plural } from "../../src/core/text/quantities";
import type { DrawnRun } from "../training/chartPlans";
import { MiddleEllipsis } from "../ui/names/middleEllipsis";
import { Section } from "../ui/section";

export interface LogListProps {
  readonly runs: readonly DrawnRun[];
  readonly open: boolean;
  readonly onToggle: (open: boolean) => void;
  readonly onOpen: (path: string) => void;
}

const mostLogs = 200;

/** Nothing that an editor could show. */
const notText: ReadonlySet<LogFormatId> = new Set<LogFormatId>(["tensorboard", "wandb", "mlflow"]);

/** Where the numbers come from. */
export function LogList({ runs, open, onToggle, onOpen }: LogListProps) {
  const logs = runs.flatMap(({ head }) => head.sources);
  if (logs.length === 0) return null;
  return (
    <Section title="Logs" note={plural(logs.length, "file")} open={open} onToggle={onToggle} class="run-logs">
      <table class="plain-table log-table" aria-label="Logs">
        <thead>
          <tr>
            <th scope="col">Log</th>
            <th scope="col">Kind</th>
            <th scope="col" class="cell-end">
              Metrics
            </th>
            <th scope="col" class="cell-end">
              Points
            </th>
          </tr>
        </thead>
        <tbody>
          {logs.slice(0, mostLogs).map(({ path, format, label, metrics, points, otherTraining }, index) => (
            <tr key={`${index} ${path}`}>
              <th scope="row">
                {notText.has(format) ? (
                  <MiddleEllipsis text={path} tail={40} />
                ) : (
                  <button type="button" class="link" onClick={() => onOpen(path)}>
                    <MiddleEllipsis text={path} tail={40} />
                  </button>
                )}
              </th>
              <td>{otherTraining ? `${label}, of another training: left out` : label}</td>
              <td class="cell-end number">{formatCount(metrics)}</td>
              <td class="cell-end number">{formatCount(points)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {logs.length > mostLogs && (
        <p class="dim">{`${formatCount(logs.length - mostLogs)} more are not listed.`}</p>
      )}
    </Section>
  );
}
