import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { changeText, GgufNames, type GgufTwin } from "../../../src/core/names/ggufNames";
import { formatShape } from "../../../src/core/tensors/tensor";
import { formatBytes, formatCount, formatShare, formatShortCount } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeName, safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { TensorStatisticsSection } from "../numbers/tensorStatisticsSection";
import { PicturePane } from "../picture/picturePane";
import { useShownTensor } from "../values/shownTensor";
import { ValuesPane } from "../values/valuesPane";
import type { DetailPart } from "../viewState";
import { moduleTotals } from "./moduleTotals";
import { PiecesSection } from "./piecesSection";
import { pythonSnippet } from "./pythonSnippet";
import { byteShare } from "./tensorColumns";
import type { LoadedTensors } from "./tensorDirectory";
import type { TensorsTabProps } from "./tensorsTab";

/** Everything known of the selected tensor or module. */
export function SelectionDetail({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const selected = tensors.selected.value;
  const loaded = tensors.loaded.value;
  const row = tensors.selectedRow.value;
  const alone = tensors.detailAlone.value;
  if (selected === undefined || loaded === undefined) return null;
  return (
    <div class="detail">
      <div class="detail-head">
        <h2 class="detail-name mono">
          <bdi>{safeName(selected.name)}</bdi>
        </h2>
        <span class="detail-actions">
          <Button
            look="icon"
            label={alone ? "Show the list beside the details" : "Give the details the whole tab"}
            onClick={() => (tensors.detailAlone.value = !alone)}
          >
            <Icon name={alone ? "restore" : "enlarge"} />
          </Button>
          <Button look="icon" label="Close details" onClick={() => tensors.close()}>
            <Icon name="close" />
          </Button>
        </span>
      </div>
      {selected.kind === "module" ? (
        <ModuleDetail model={model} summary={summary} loaded={loaded} path={selected.name} />
      ) : row === undefined ? (
        <p class="dim">
          {loaded.loaded < loaded.total
            ? "Not loaded yet."
            : "No tensor of this name is in the file any more."}
        </p>
      ) : (
        <>
          <DetailParts model={model} />
          {tensors.detailPart.value === "values" ? (
            <ValuesPane model={model} loaded={loaded} row={row} />
          ) : tensors.detailPart.value === "picture" ? (
            <PicturePane model={model} loaded={loaded} row={row} />
          ) : (
            <TensorDetail model={model} summary={summary} loaded={loaded} row={row} />
          )}
        </>
      )}
    </div>
  );
}

const detailParts: readonly { readonly part: DetailPart; readonly title: string }[] = [
  { part: "summary", title: "Summary" },
  { part: "values", title: "Values" },
  { part: "picture", title: "Heat map" },
];

function DetailParts({ model }: { readonly model: EditorModel }) {
  const { detailPart } = model.tensors;
  return (
    <fieldset class="segments" aria-label="What is shown of the tensor">
      {detailParts.map(({ part, title }) => (
        <button
          key={part}
          type="button"
          class="chip"
          aria-pressed={detailPart.value === part}
          onClick={() => (detailPart.value = part)}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
}

interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
}

function FactTable({ label, facts }: { readonly label: string; readonly facts: readonly Fact[] }) {
  return (
    <table class="key-value-table plain" aria-label={label}>
      <tbody>
        {facts.map(({ name, value }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface TensorDetailProps extends TensorsTabProps {
  readonly loaded: LoadedTensors;
  readonly row: number;
}

function TensorDetail({ model, summary, loaded, row }: TensorDetailProps) {
  const { table, separator } = loaded;
  const name = table.name(row);
  const bytes = table.byteSize(row);
  const first = table.offset(row);
  const file = summary.files[table.fileIndex(row)];
  const module = name.includes(separator) ? name.slice(0, name.lastIndexOf(separator)) : undefined;
  const aliases = aliasesOf(summary, name);
  const snippet = pythonSnippet(summary.format, file?.path ?? summary.path, name);
  const copy = (text: string, what: string) => model.host.notify("copy", { text, what });
  const facts: Fact[] = [
    { name: "Shape", value: <span class="mono">{formatShape(table.shape(row))}</span> },
    { name: "Dtype", value: <span class="mono">{safeText(table.dtype(row))}</span> },
    { name: "Parameters", value: formatCount(table.parameters(row)) },
    { name: "Size", value: sizeText(bytes, summary) },
  ];
  // What is made of pieces lies in no one place.
  if (summary.distributed === undefined || summary.distributed.mostPieces <= 1) {
    facts.push({
      name: "Bytes in file",
      value: bytes === 0 ? "none" : `${formatCount(first)} to ${formatCount(first + bytes)} (exclusive)`,
    });
    if (file !== undefined)
      facts.push({ name: "File", value: <span class="mono">{safeText(file.name)}</span> });
  }
  const shown = useShownTensor(model, loaded, row);
  const packed = shown?.packed;
  if (packed !== undefined)
    facts.push({
      name: "Stands for",
      value: `${packed.scheme}: ${formatShape(packed.shape)} in ${formatBytes(packed.storedBytes)} with its scales`,
    });
  const twin = summary.format === "gguf" ? GgufNames.of(new Map(summary.metadata))?.twin(name) : undefined;
  if (twin !== undefined) facts.push({ name: "In transformers", value: <TwinName twin={twin} /> });
  if (module !== undefined) {
    facts.push({
      name: "Module",
      value: (
        <button type="button" class="link mono" onClick={() => model.showModule(module)}>
          {safeText(module)}
        </button>
      ),
    });
  }
  if (aliases.length > 0) {
    facts.push({
      name: "Also known as",
      value: aliases.map((alias) => (
        <span key={alias} class="mono block">
          {safeText(alias)}
        </span>
      )),
    });
  }
  return (
    <>
      <FactTable label="Tensor" facts={facts} />
      <div class="button-row">
        <Button onClick={() => copy(name, "tensor name")}>Copy name</Button>
        {snippet !== undefined && (
          <Button onClick={() => copy(snippet, "Python snippet")} title={snippet}>
            Copy Python
          </Button>
        )}
        <Button
          title="Writes the values to a NumPy file; asks where to"
          onClick={() =>
            model.host.notify("exportTensor", {
              tensor: shown?.place ?? { row, name },
              dtype: shown?.place.unpacked === true ? "F32" : table.dtype(row),
            })
          }
        >
          Export .npy…
        </Button>
      </div>
      {summary.distributed !== undefined && <PiecesSection model={model} loaded={loaded} row={row} />}
      {!table.isUnreadable(row) && <TensorStatisticsSection model={model} loaded={loaded} row={row} />}
    </>
  );
}

/** What transformers calls the tensor, and what it keeps otherwise than the converter of llama.cpp. */
function TwinName({ twin: { name, change, isExperts } }: { readonly twin: GgufTwin }) {
  const notes = [
    ...(isExperts === true ? ["one for each expert"] : []),
    ...(change === undefined ? [] : [`compared with ${changeText(change)}`]),
  ];
  return (
    <>
      <span class="mono">{safeText(name)}</span>
      {notes.length > 0 && <span class="dim block">{notes.join("; ")}</span>}
    </>
  );
}

interface ModuleDetailProps extends TensorsTabProps {
  readonly loaded: LoadedTensors;
  readonly path: string;
}

function ModuleDetail({ model, summary, loaded, path }: ModuleDetailProps) {
  const totals = useMemo(() => moduleTotals(loaded, path), [loaded, path]);
  const facts: Fact[] = [
    { name: "Tensors", value: formatCount(totals.tensors) },
    {
      name: "Parameters",
      value: `${formatShortCount(totals.parameters)} (${formatCount(totals.parameters)})`,
    },
    { name: "Size", value: sizeText(totals.bytes, summary) },
    {
      name: "Dtypes",
      value: totals.dtypes.map(({ dtype, tensors }) => (
        <span key={dtype} class="block">
          <span class="mono">{safeText(dtype)}</span> <span class="dim">{formatCount(tensors)}</span>
        </span>
      )),
    },
  ];
  return (
    <>
      <FactTable label="Module" facts={facts} />
      <div class="button-row">
        <Button onClick={() => model.host.notify("copy", { text: path, what: "module name" })}>
          Copy name
        </Button>
      </div>
    </>
  );
}

function sizeText(bytes: number, summary: CheckpointSummary): string {
  const exact = bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${formatCount(bytes)} bytes)`;
  return `${exact}, ${formatShare(byteShare(bytes, summary))} of all`;
}

function aliasesOf({ aliases }: CheckpointSummary, name: string): readonly string[] {
  return aliases.filter(([, kept]) => kept === name).map(([alias]) => alias);
}
