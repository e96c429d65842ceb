import { useMemo } from "preact/hooks";
import type { OptimizerRow, OptimizerView } from "../../../src/core/optimizer/optimizerView";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { Button, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { NameColumn } from "../../ui/names/nameColumn";
import { safeText } from "../../ui/safeText";
import { SplitPane } from "../../ui/splitPane";
import { Banner } from "../../ui/states";
import { CopyTableButtons } from "../../ui/tables/copyTableButtons";
import { DataTable } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";
import { optimizerColumns } from "./optimizerColumns";
import { OptimizerDetail } from "./optimizerDetail";
import { nameOf } from "./optimizerModel";

export interface OptimizerParametersProps {
  readonly model: EditorModel;
  readonly view: OptimizerView;
}

/** Every parameter joined to what the optimizer keeps of it. */
export function OptimizerParameters({ model, view }: OptimizerParametersProps) {
  const { optimizer } = model;
  const rows = optimizer.shownRows.value;
  const loaded = optimizer.parameters.value;
  const names = useMemo(() => {
    const all = loaded?.rows ?? [];
    const named = all.flatMap(({ name }) => name ?? []);
    // "parameter 17" needs its room as well, and shares nothing with a name.
    return NameColumn.of(named.length > 0 ? named : all.map(nameOf));
  }, [loaded]);
  const columns = useMemo(() => optimizerColumns(model, view, rows, names), [model, view, rows, names]);
  const chosen = optimizer.selected.value;
  const selected = rows.findIndex(({ index }) => index === chosen);
  const detail = loaded?.rows.find(({ index }) => index === chosen);
  const copy = (text: string, what: string) => model.host.notify("copy", { text, what });
  return (
    <>
      {loaded?.failure !== undefined && (
        <Banner tone="error" action={{ label: "Try again", onClick: () => void optimizer.load() }}>
          {`Not all parameters could be loaded. ${safeText(loaded.failure)}`}
        </Banner>
      )}
      <div class="toolbar optimizer-toolbar">
        <TextField
          class="optimizer-filter"
          label="Filter parameters by name"
          placeholder="Filter parameters by words"
          value={optimizer.text.value}
          onInput={(value) => (optimizer.text.value = value)}
          start={<Icon name="search" />}
        />
        <span class="dim number" role="status">
          {countText(rows.length, loaded?.rows.length ?? 0, view.parameterCount)}
        </span>
        <span class="toolbar-rest">
          <CopyTableButtons columns={columns} count={rows.length} onCopy={copy} />
        </span>
      </div>
      <SplitPane
        main={
          <DataTable
            label="Parameters and their state"
            class="optimizer-rows"
            columns={columns}
            count={rows.length}
            rowKey={(index) => rows[index]?.index ?? index}
            selected={selected < 0 ? undefined : selected}
            onSelect={(index) => (optimizer.selected.value = rows[index]?.index)}
            onOpen={(index) => openFirstState(model, rows[index])}
            onCopyRow={(index) => copy(nameOf(rows[index] as OptimizerRow), "parameter name")}
            initialScrollTop={model.scrollTops.optimizer}
            onScroll={(scrollTop) => model.rememberScroll("optimizer", scrollTop)}
            empty={<NoParameters model={model} view={view} isLoaded={loaded !== undefined} />}
          />
        }
        detail={
          detail && (
            <OptimizerDetail
              model={model}
              row={detail}
              onCopy={copy}
              onClose={() => (optimizer.selected.value = undefined)}
            />
          )
        }
        detailLabel="Parameter details"
        share={optimizer.detailShare.value}
        onShare={(share) => (optimizer.detailShare.value = share)}
      />
    </>
  );
}

interface NoParametersProps extends OptimizerParametersProps {
  readonly isLoaded: boolean;
}

function NoParameters({ model, view, isLoaded }: NoParametersProps) {
  if (!isLoaded) return <p class="dim">Loading the parameters…</p>;
  if (view.parameterCount === 0) return <p>No group lists a parameter, and the state has none.</p>;
  return (
    <>
      <p>No parameter matches the filter.</p>
      <p class="button-row">
        <Button onClick={() => (model.optimizer.text.value = "")}>Clear filter</Button>
      </p>
    </>
  );
}

/** Enter goes on to the first moment. */
function openFirstState(model: EditorModel, row: OptimizerRow | undefined): void {
  const moments = row?.state.filter(({ tensor }) => tensor !== undefined) ?? [];
  const moment = moments.find(({ key }) => key !== "step") ?? moments[0];
  if (moment?.tensor !== undefined) model.showStateTensor(moment.tensor);
}

function countText(shown: number, loaded: number, total: number): string {
  if (loaded < total)
    return `${formatCount(shown)} shown, ${formatCount(loaded)} of ${formatCount(total)} loaded`;
  return shown === total
    ? plural(total, "parameter")
    : `${formatCount(shown)} of ${plural(total, "parameter")}`;
}
