import type { CompareView } from "../../../src/core/compare/compareView";
import { safeText } from "../../ui/safeText";
import { ScrollRegion } from "../../ui/scrollRegion";
import { CopyButtons, type CopyFormat } from "../../ui/tables/copyButtons";
import {
  allDigits,
  formatMetric,
  knownMetrics,
  type ModuleLine,
  metricInfos,
  metricOf,
} from "../compareMetrics";
import type { CompareModel } from "../compareModel";

export interface ModuleNumbersProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly line: ModuleLine;
}

/** Every number that is known of the module; as in the tables a column a snapshot. */
export function ModuleNumbers({ model, view, line }: ModuleNumbersProps) {
  const metrics = knownMetrics(view).filter((metric) =>
    view.columns.some((_, at) => metricOf(view, line, at, metric) !== undefined),
  );
  const copied = (format: CopyFormat) => ({
    what: `${metrics.length} numbers`,
    table: {
      headers: ["", ...view.columns.map(({ label }) => label)],
      rows: metrics.map((metric) => [
        metricInfos[metric].short,
        ...view.columns.map((_, at) => {
          const value = metricOf(view, line, at, metric);
          if (value === undefined) return "";
          return format === "CSV" ? allDigits(metric, value) : formatMetric(metric, value);
        }),
      ]),
      alignEnd: new Set(view.columns.map((_, at) => at + 1)),
    },
  });
  return (
    <>
      <ScrollRegion label={`Numbers of ${safeText(line.module)}`} class="module-numbers">
        <table aria-label={`Numbers of ${safeText(line.module)}`}>
          <thead>
            <tr>
              <td />
              {view.columns.map(({ path, label }) => (
                <th key={path} scope="col" class="cell-end ellipsis" title={safeText(label)}>
                  {safeText(label)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {metrics.map((metric) => (
              <tr key={metric}>
                <th scope="row" title={metricInfos[metric].help}>
                  {metricInfos[metric].short}
                </th>
                {view.columns.map(({ path }, at) => {
                  const value = metricOf(view, line, at, metric);
                  return (
                    <td key={path} class="cell-end">
                      {value === undefined ? <span class="dim">–</span> : formatMetric(metric, value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <CopyButtons what="the module's numbers" copied={copied} onCopy={model.copy} />
    </>
  );
}
