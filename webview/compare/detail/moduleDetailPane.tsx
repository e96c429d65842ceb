import "../common";
import { useMemo } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { ErrorState, Loading } from "../../ui/states";
import { type Tab, Tabs } from "../../ui/tabs";
import { type ModuleLine, moduleLines } from "../compareMetrics";
import type { CompareModel, ModuleDetail } from "../compareModel";
import type { DetailTab } from "../compareViewState";
import { ModuleBase } from "./moduleBase";
import { ModuleNorms } from "./moduleNorms";
import { ModuleNumbers } from "./moduleNumbers";
import { ModuleSpectra } from "./moduleSpectra";
import { ModuleValues } from "./moduleValues";
import { SubspacePane } from "./subspacePane";

export interface ModuleDetailPaneProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly detail: ModuleDetail;
}

const tabs: readonly Tab<DetailTab>[] = [
  { id: "spectrum", title: "Spectrum" },
  { id: "subspaces", title: "Subspaces" },
  { id: "norms", title: "Norms" },
  { id: "values", title: "Values" },
  { id: "base", title: "Base" },
];

/** The selected module in depth: spectra, spaces, profiles and values, of all snapshots over each other. */
export function ModuleDetailPane({ model, view, detail }: ModuleDetailPaneProps) {
  const copy = (text: string, what: string) => model.host.notify("copy", { text, what });
  const line = useMemo(
    () => moduleLines(view).find(({ module }) => module === detail.module),
    [view, detail.module],
  );
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
      {line !== undefined && <Absences view={view} line={line} />}
      <Tabs
        label="Of the module"
        tabs={tabs}
        selected={model.viewState.value.detailTab}
        onSelect={(detailTab) => model.change({ detailTab })}
      >
        <TabContent model={model} view={view} detail={detail} />
        {line !== undefined && model.viewState.value.detailTab === "spectrum" && (
          <ModuleNumbers model={model} view={view} line={line} />
        )}
      </Tabs>
    </section>
  );
}

function TabContent({ model, view, detail }: ModuleDetailPaneProps) {
  if (detail.status === "failed")
    return <ErrorState what="The module could not be computed." where={detail.error.message} />;
  if (detail.status === "loading") return <Loading label="Computing the module…" />;
  const props = { model, view, detail };
  switch (model.viewState.value.detailTab) {
    case "subspaces":
      return <SubspacePane {...props} />;
    case "norms":
      return <ModuleNorms {...props} />;
    case "values":
      return <ModuleValues {...props} />;
    case "base":
      return <ModuleBase {...props} />;
    default:
      return <ModuleSpectra {...props} />;
  }
}

/** In which snapshots there is nothing to see of the module, and why. */
function Absences({ view, line }: { readonly view: CompareView; readonly line: ModuleLine }) {
  const absences = view.columns.flatMap(({ label, failure }, at) => {
    const cell = line.cells[at];
    if (failure !== undefined) return [`${label} could not be read.`];
    if (!cell) return [`${label} does not adapt this module.`];
    return cell.unavailable === undefined ? [] : [`${label}: ${cell.unavailable}`];
  });
  if (absences.length === 0) return null;
  return (
    <ul class="compare-notices" aria-label="Snapshots without this module">
      {absences.map((absence) => (
        <li key={absence} class="info">
          <Icon name="info" class="info" label="Note" />
          <span>{safeText(absence)}</span>
        </li>
      ))}
    </ul>
  );
}
