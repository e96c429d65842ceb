import type { CheckpointSummary, ConfigSummary } from "../../../src/core/checkpoint/summary";
import { plural } from "../../../src/core/text/quantities";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { AdapterSection } from "./adapterSection";
import { CompositionSection } from "./compositionSection";
import { DistributedSection } from "./distributedSection";
import { FaultsSection } from "./faultsSection";
import { FilesSection } from "./filesSection";
import { FoldedRows } from "./foldedRows";
import { PartSettingsSection } from "./partSettingsSection";
import { PartsSection } from "./partsSection";
import { ProgressSection } from "./progressSection";

export interface OverviewProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

/** Two columns where there is room: what the checkpoint holds, and what is written about it. */
export function OverviewTab({ model, summary }: OverviewProps) {
  const { metadata, configs, aliases } = summary;
  return (
    <div class="panel-content overview">
      <div class="overview-column">
        <FaultsSection model={model} summary={summary} />
        <DistributedSection model={model} summary={summary} />
        <PartsSection model={model} summary={summary} />
        <CompositionSection model={model} summary={summary} />
        <FilesSection model={model} summary={summary} />
      </div>
      <div class="overview-column">
        <AdapterSection model={model} summary={summary} />
        <ProgressSection summary={summary} />
        {(summary.settings ?? []).map(({ title, rows }, at) => (
          <FoldedRows
            key={`${at} ${title}`}
            model={model}
            title={safeText(title)}
            note={plural(rows.length, "entry", "entries")}
            rows={rows}
            opened={isSettingsFile(summary)}
          />
        ))}
        {configs.map((config) => (
          <ConfigSection key={config.path} model={model} config={config} />
        ))}
        {metadata.length > 0 && (
          <FoldedRows
            model={model}
            title="Metadata"
            note={plural(metadata.length, "entry", "entries")}
            rows={metadata}
          />
        )}
        {aliases.length > 0 && (
          <FoldedRows
            model={model}
            title="Tied tensors"
            note={`${plural(aliases.length, "name")} saved once under another`}
            rows={aliases}
          />
        )}
        {/* Read later than the rest: last, so that nothing moves when it comes. */}
        <PartSettingsSection model={model} summary={summary} />
      </div>
    </div>
  );
}

/** Its settings are all that it holds. */
function isSettingsFile({ kind }: CheckpointSummary): boolean {
  return kind === "scheduler" || kind === "rng-state" || kind === "training-args";
}

function ConfigSection({ model, config }: { readonly model: EditorModel; readonly config: ConfigSummary }) {
  const name = safeText(config.fileName);
  return (
    <FoldedRows
      model={model}
      title={name}
      note={plural(config.rows.length, "entry", "entries")}
      rows={config.rows}
    >
      <button
        type="button"
        class="link"
        onClick={() => model.host.notify("openAsText", { path: config.path })}
      >
        Open file
      </button>
    </FoldedRows>
  );
}
