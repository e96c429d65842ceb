import "../../shell/common";
import { useEffect, useRef } from "preact/hooks";
import { baseName } from "../../../src/core/bytes/paths";
import type { OptimizerView } from "../../../src/core/optimizer/optimizerView";
import { formatBytes, formatNumber, formatShortCount, plural } from "../../../src/core/text/quantities";
import { Button, Dropdown } from "../../ui/controls";
import { type Fact, FactList } from "../../ui/factList";
import { useFilterKeys } from "../../ui/filterKeys";
import { safeText } from "../../ui/safeText";
import { Banner, Empty, ErrorState, Loading } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { OptimizerGroups } from "./optimizerGroups";
import { OptimizerParameters } from "./optimizerParameters";

export function OptimizerTab({ model }: { readonly model: EditorModel }) {
  const { view } = model.optimizer;
  const answer = view.answer.value;
  useEffect(() => model.optimizer.ensureLoaded(), [answer.status]);
  if (answer.status === "failed") {
    return (
      <ErrorState what="The optimizer's state could not be read." where={answer.error.message}>
        <Button onClick={() => void view.ask()}>Try again</Button>
      </ErrorState>
    );
  }
  if (answer.status !== "ready") return <Loading label="Reading the optimizer's state…" />;
  const { views } = answer.value;
  const shown = views[model.optimizer.optimizer.value] ?? views[0];
  if (shown === undefined) return <Empty title="This file holds no optimizer state." />;
  return <OneOptimizer model={model} views={views} view={shown} />;
}

interface OneOptimizerProps {
  readonly model: EditorModel;
  readonly views: readonly OptimizerView[];
  readonly view: OptimizerView;
}

function OneOptimizer({ model, views, view }: OneOptimizerProps) {
  const part = useRef<HTMLDivElement>(null);
  useFilterKeys(part);
  const file = model.optimizer.file();
  return (
    <div ref={part} class="optimizer">
      <div class="optimizer-head">
        {views.length > 1 && (
          <Dropdown
            label="Optimizer"
            value={String(views.indexOf(view))}
            options={views.map(({ path, name }, at) => ({
              value: String(at),
              label: safeText(`${path === "" ? "whole file" : path}: ${name}`),
            }))}
            onChange={(at) => model.optimizer.choose(Number(at))}
          />
        )}
        <p class="optimizer-kind">
          <span class="strong">{safeText(view.name)}</span>{" "}
          <span class="dim">{`as told by: ${safeText(view.reason)}`}</span>
        </p>
        {file !== undefined && (
          <Button onClick={() => model.host.notify("open", { path: file })}>
            {`Open ${safeText(baseName(file))}`}
          </Button>
        )}
      </div>
      <OptimizerFacts view={view} />
      {view.note !== undefined && <Banner>{safeText(view.note)}</Banner>}
      {view.emptyState && (
        <Banner tone="warning">
          The state is empty: no step was made before it was saved, or it was not saved. There are groups and
          no moments, so training resumed from it starts with a cold optimizer.
        </Banner>
      )}
      <OptimizerGroups model={model} view={view} />
      <OptimizerParameters model={model} view={view} />
    </div>
  );
}

function OptimizerFacts({ view }: { readonly view: OptimizerView }) {
  const { elements, stateBytes, parameterCount, unknownShapes, parameterBytes, parameterDtypes } = view;
  // Without a model to look them up in, F32 is what they are compared with, and said to be.
  const weightsBytes = parameterBytes ?? elements * 4;
  const dtypes = parameterDtypes?.slice(0, 3).join(" + ") ?? "F32";
  const facts: Fact[] = [
    { name: "Parameters", value: plural(parameterCount, "tensor"), note: countNote(view) },
    {
      name: "State",
      value: formatBytes(stateBytes),
      ...(elements > 0 && unknownShapes === 0
        ? { note: `${formatNumber(stateBytes / elements, 3)} bytes a parameter` }
        : {}),
    },
    ...(elements > 0
      ? [
          {
            name: parameterBytes === undefined ? `Weights, if ${dtypes}` : `Weights in ${dtypes}`,
            value: formatBytes(weightsBytes),
            note: `state is ${formatNumber(stateBytes / weightsBytes, 3)} times that`,
          },
        ]
      : []),
    { name: "Names", value: namesText(view) },
  ];
  return <FactList facts={facts} class="optimizer-facts" />;
}

function countNote({ elements, unknownShapes }: OptimizerView): string | undefined {
  if (elements === 0) return undefined;
  const known = `${formatShortCount(elements)} values`;
  return unknownShapes === 0 ? known : `${known}, ${plural(unknownShapes, "shape")} unknown`;
}

function namesText({ namedCount, inferredCount, parameterCount }: OptimizerView): string {
  if (namedCount === 0) return "not in the file, and nothing beside it fits";
  const missing = parameterCount - namedCount;
  const which = inferredCount > 0 ? "inferred by order and shape" : "in the file";
  return missing > 0 ? `${which}, ${missing} without` : which;
}
