import { useMemo } from "preact/hooks";
import type { CompareView } from "../../src/core/lora/compareView";
import type { SavePicture } from "../charts/picture";
import { SpectrumChart, type SpectrumSeries } from "../charts/spectrumChart";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { ErrorState, Loading } from "../ui/states";
import { formatMetric, knownMetrics, metricInfos, metricOf, moduleLines } from "./compareMetrics";
import type { CompareModel, ModuleDetail } from "./compareModel";

export interface ModuleDetailPaneProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly detail: ModuleDetail;
}

/** The selected module: its singular values in all snapshots over each other, and its numbers. */
export function ModuleDetailPane({ model, view, detail }: ModuleDetailPaneProps) {
  const copy = (text: string, what: string) => model.host.notify("copy", { text, what });
  return (
    <section class="module-detail" aria-label="Module details">
      <div class="module-detail-head">
        <h2 class="mono wrap">{safeText(detail.module)}</h2>
        <Button look="icon" label="Copy the module's name" onClick={() => copy(detail.module, "module name")}>
          <Icon name="copy" />
        </Button>
        <Button look="icon" label="Close details" onClick={() => model.select(undefined)}>
          <Icon name="close" />
        </Button>
      </div>
      <Spectra
        view={view}
        detail={detail}
        onCopy={copy}
        onSavePicture={(picture) => model.host.notify("savePng", picture)}
      />
      <ModuleNumbers view={view} module={detail.module} />
    </section>
  );
}

interface SpectraProps {
  readonly view: CompareView;
  readonly detail: ModuleDetail;
  readonly onCopy: (text: string, what: string) => void;
  readonly onSavePicture: SavePicture;
}

function Spectra({ view, detail, onCopy, onSavePicture }: SpectraProps) {
  const values = detail.status === "ready" ? detail.singularValues : undefined;
  const series = useMemo<SpectrumSeries[]>(
    () =>
      view.columns.flatMap(({ path, label }, at) => {
        const sigma = values?.get(path);
        // Colour and shape follow the column, not the place among those that have the module.
        return sigma === undefined || sigma === null || sigma.length === 0
          ? []
          : [{ label, values: sigma, style: at }];
      }),
    [view.columns, values],
  );
  if (detail.status === "failed")
    return <ErrorState what="The singular values could not be computed." where={detail.error.message} />;
  if (detail.status === "loading") return <Loading label="Computing the singular values…" />;
  if (series.length === 0) return <p class="dim">No snapshot has singular values of this module.</p>;
  return <SpectrumChart series={series} stateKey="spectrum" onCopy={onCopy} onSavePicture={onSavePicture} />;
}

/** As in the tables: a column a snapshot. */
function ModuleNumbers({ view, module }: { readonly view: CompareView; readonly module: string }) {
  const row = useMemo(() => moduleLines(view).find((each) => each.module === module), [view, module]);
  if (row === undefined) return null;
  return (
    <div class="module-numbers">
      <table aria-label={`Numbers of ${safeText(module)}`}>
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
          {knownMetrics(view).map((metric, at) => (
            <tr key={metric}>
              <th scope="row" title={metricInfos[metric].help}>
                {metricInfos[metric].short}
              </th>
              {view.columns.map(({ path, failure }, column) => {
                const cell = row.cells[column];
                if (!cell) {
                  return (
                    <td key={path} class="cell-end dim">
                      {at > 0 ? "" : failure === undefined ? "not adapted" : "unreadable"}
                    </td>
                  );
                }
                const value = metricOf(view, row, column, metric);
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
      {row.cells.map(
        (cell, at) =>
          cell?.unavailable !== undefined && (
            <p key={view.columns[at]?.path} class="dim">
              {safeText(`${view.columns[at]?.label}: ${cell.unavailable}`)}
            </p>
          ),
      )}
    </div>
  );
}
