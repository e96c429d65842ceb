import "../../shell/common";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { LoraView } from "../../../src/core/session/loraView";
import { plural } from "../../../src/core/text/quantities";
import { Button, TextField } from "../../ui/controls";
import { useFilterKeys } from "../../ui/filterKeys";
import { Icon } from "../../ui/icon";
import { NameColumn } from "../../ui/names/nameColumn";
import { safeText } from "../../ui/safeText";
import { SplitPane } from "../../ui/splitPane";
import { Banner, Empty, ErrorState, Loading, Progress } from "../../ui/states";
import { CopyTableButtons } from "../../ui/tables/copyTableButtons";
import { DataTable } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";
import { ReducePane } from "../reduce/reducePane";
import { LoraBase } from "./loraBase";
import { loraColumns } from "./loraColumns";
import { LoraFindings } from "./loraFindings";
import { LoraModuleDetail } from "./loraModuleDetail";
import { LoraOverBase } from "./loraOverBase";
import { type BaseRatios, filterModules, sortModules } from "./loraRows";

export function LoraTab({ model }: { readonly model: EditorModel }) {
  const { view } = model.lora;
  const answer = view.answer.value;
  useEffect(() => view.ensureLoaded(), [answer.status]);
  switch (answer.status) {
    case "not asked":
      return <Loading label="Reading the factors…" />;
    case "waiting": {
      const step = view.progress.value;
      const partial = model.lora.partial.value;
      const progress = (
        <Progress
          label="Reading the factors and computing norms…"
          done={step?.done}
          total={step?.total}
          onCancel={() => view.cancel()}
        />
      );
      return partial === undefined || partial.modules.length === 0 ? (
        progress
      ) : (
        <LoraModules model={model} view={partial} progress={progress} />
      );
    }
    case "cancelled":
      return (
        <Empty title="The norms were not computed.">
          <Button onClick={() => void view.ask()}>Compute them</Button>
        </Empty>
      );
    case "failed":
      return (
        <ErrorState what="The adapter's factors could not be read." where={answer.error.message}>
          <Button onClick={() => void view.ask()}>Try again</Button>
        </ErrorState>
      );
    case "ready":
      if (answer.value === undefined) return <Empty title="No LoRA modules were found in this file." />;
      return answer.value.modules.length === 0 ? (
        <LoraWithoutFactors model={model} view={answer.value} />
      ) : (
        <LoraContent model={model} view={answer.value} />
      );
  }
}

/** A method whose change only the base's weights tell. */
function LoraWithoutFactors({ model, view }: Pick<LoraModulesProps, "model" | "view">) {
  return (
    <div class="lora">
      <LoraHead view={view} />
      <LoraBase model={model} view={view} />
      <LoraOverBase model={model} />
    </div>
  );
}

function LoraContent({ model, view }: { readonly model: EditorModel; readonly view: LoraView }) {
  return model.lora.reduce.viewState.value.open ? (
    <ReducePane model={model} view={view} />
  ) : (
    <LoraModules model={model} view={view} />
  );
}

interface LoraModulesProps {
  readonly model: EditorModel;
  readonly view: LoraView;
  /** While not all of them are measured. */
  readonly progress?: ComponentChildren;
}

function LoraModules({ model, view, progress }: LoraModulesProps) {
  const { lora } = model;
  const part = useRef<HTMLDivElement>(null);
  useFilterKeys(part);
  const text = lora.text.value;
  const sort = lora.sort.value;
  const ratios = useBaseRatios(model);
  const rows = useMemo(
    () => sortModules(filterModules(view.modules, text), sort, ratios),
    [view, text, sort, ratios],
  );
  const modules = view.modules.map(({ module }) => module);
  // While they are measured only their numbers change.
  const names = useMemo(() => NameColumn.of(modules), [modules.length, modules[0]]);
  const columns = useMemo(() => loraColumns(rows, names, ratios), [rows, names, ratios]);
  const chosen = lora.selected.value;
  const selected = rows.findIndex(({ module }) => module === chosen);
  const detail = view.modules.find(({ module }) => module === chosen);
  const copy = (copied: string, what: string) => model.host.notify("copy", { text: copied, what });
  return (
    <div ref={part} class="lora">
      <LoraHead view={view} />
      {progress !== undefined && <div class="lora-base lora-progress">{progress}</div>}
      <LoraFindings model={model} view={view} />
      {progress === undefined && <LoraBase model={model} view={view} />}
      <div class="toolbar lora-toolbar">
        <TextField
          class="lora-filter"
          label="Filter modules by name"
          placeholder="Filter modules by words"
          value={text}
          onInput={(value) => (lora.text.value = value)}
          start={<Icon name="search" />}
        />
        <span class="dim number" role="status">
          {rows.length === view.modules.length
            ? plural(rows.length, "module")
            : `${rows.length} of ${plural(view.modules.length, "module")}`}
        </span>
        <span class="toolbar-rest">
          <CopyTableButtons columns={columns} count={rows.length} onCopy={copy} />
          {progress === undefined && <Button onClick={() => lora.reduce.setOpen(true)}>Reduce rank…</Button>}
        </span>
      </div>
      <SplitPane
        main={
          <DataTable
            label="LoRA modules"
            class="lora-rows"
            columns={columns}
            count={rows.length}
            rowKey={(index) => rows[index]?.module ?? index}
            sort={sort}
            onSort={(order) => (lora.sort.value = order)}
            selected={selected < 0 ? undefined : selected}
            onSelect={(index) => (lora.selected.value = rows[index]?.module)}
            onCopyRow={(index) => copy(rows[index]?.module ?? "", "module name")}
            initialScrollTop={model.scrollTops.lora}
            onScroll={(scrollTop) => model.rememberScroll("lora", scrollTop)}
            empty="No module matches the filter."
          />
        }
        detail={
          detail && (
            <LoraModuleDetail
              model={model}
              row={detail}
              baseRatio={ratios?.get(detail.module)}
              onCopy={copy}
              onClose={() => (lora.selected.value = undefined)}
            />
          )
        }
        detailLabel="Module details"
        share={lora.detailShare.value}
        onShare={(share) => (lora.detailShare.value = share)}
      />
    </div>
  );
}

/** ‖ΔW‖ / ‖W‖ by module; undefined while it is not known. */
function useBaseRatios(model: EditorModel): BaseRatios | undefined {
  const answer = model.lora.ratios.answer.value;
  return useMemo(
    () =>
      answer.status === "ready"
        ? new Map(answer.value.modules.map(({ module, ratio }) => [module, ratio]))
        : undefined,
    [answer],
  );
}

function LoraHead({ view }: { readonly view: LoraView }) {
  return (
    <>
      <LoraFacts view={view} />
      {view.stageNote !== undefined && <Banner tone="info">{safeText(view.stageNote)}</Banner>}
      {view.problems.map((problem) => (
        <Banner key={`${problem.code} ${problem.message}`} tone={problem.severity}>
          {safeText(problem.message)}
        </Banner>
      ))}
    </>
  );
}

function LoraFacts({ view }: { readonly view: LoraView }) {
  return (
    <dl class="facts lora-facts">
      {view.facts.map(([name, value], index) => (
        <div key={`${index} ${name}`} class="fact">
          <dt>{safeText(name)}</dt>
          <dd class="fact-value" title={safeText(value)}>
            {safeText(value)}
          </dd>
        </div>
      ))}
      {view.fingerprint !== undefined && (
        <div class="fact">
          <dt>Looks like</dt>
          <dd class="fact-value" title={safeText(view.fingerprint.reason)}>
            {safeText(view.fingerprint.label)}
          </dd>
        </div>
      )}
      {view.savedWhole.length > 0 && (
        <div class="fact">
          <dt>Saved whole</dt>
          <dd class="fact-value" title={safeText(view.savedWhole.map(({ name }) => name).join("\n"))}>
            {plural(view.savedWhole.length, "tensor")}
          </dd>
        </div>
      )}
    </dl>
  );
}
