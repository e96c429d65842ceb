import "../../shell/common";
import { useEffect, useRef } from "preact/hooks";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { Button } from "../../ui/controls";
import { useFilterKeys } from "../../ui/filterKeys";
import { SplitPane } from "../../ui/splitPane";
import { Banner, Empty, ErrorState, Loading } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { SelectionDetail } from "./selectionDetail";
import { TensorFlatTable } from "./tensorFlatTable";
import { TensorToolbar } from "./tensorToolbar";
import { TensorTreeTable } from "./tensorTreeTable";

export interface TensorsTabProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

export function TensorsTab({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const { directory } = tensors;
  const part = useRef<HTMLDivElement>(null);
  useEffect(() => directory.ensureLoaded(), [directory]);
  useFilterKeys(part, tensors.loaded.value !== undefined);
  const failure = directory.failure.value;
  const retry = () => void directory.load();
  if (tensors.loaded.value === undefined) {
    return failure === undefined ? (
      <Loading label="Loading the list of tensors…" />
    ) : (
      <ErrorState what="The list of tensors could not be loaded." where={failure.message}>
        <Button onClick={retry}>Try again</Button>
      </ErrorState>
    );
  }
  if (tensors.loaded.value.total === 0) return <Empty title="This file holds no tensors." />;
  const selected = tensors.selected.value;
  if (selected !== undefined && tensors.detailAlone.value) {
    return (
      <section class="tensors detail-alone" aria-label="Details">
        <SelectionDetail model={model} summary={summary} />
      </section>
    );
  }
  return (
    <div ref={part} class="tensors">
      {failure !== undefined && (
        <Banner tone="error" action={{ label: "Try again", onClick: retry }}>
          {`Not all tensors could be loaded. ${failure.message}`}
        </Banner>
      )}
      <TensorToolbar model={model} summary={summary} />
      <SplitPane
        main={
          tensors.view.value === "tree" ? (
            <TensorTreeTable model={model} summary={summary} />
          ) : (
            <TensorFlatTable model={model} summary={summary} />
          )
        }
        detail={selected === undefined ? undefined : <SelectionDetail model={model} summary={summary} />}
        detailLabel="Details"
        share={tensors.detailShare.value}
        onShare={(share) => (tensors.detailShare.value = share)}
      />
    </div>
  );
}
