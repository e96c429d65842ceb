import { useEffect, useMemo, useState } from "preact/hooks";
import type { PiecePage, PieceRow } from "../../../src/core/checkpoint/piecePage";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import { Banner } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";
import type { LoadedTensors } from "./tensorDirectory";

export interface PiecesSectionProps {
  readonly model: EditorModel;
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** The pieces that a tensor of several processes is made of: of which rank, in which file, and what is missing. */
export function PiecesSection({ model, loaded, row }: PiecesSectionProps) {
  const { table } = loaded;
  const [later, setLater] = useState<readonly PieceRow[]>([]);
  const request = (from: number, wanted?: AbortSignal) =>
    model.host.call("pieces", { tensor: { row, name: table.name(row) }, from }, wanted);
  const asked = useMemo(() => new OnDemand((wanted) => request(0, wanted)), [table, row]);
  useEffect(() => {
    setLater([]);
    asked.ensureLoaded();
    return () => asked.cancel();
  }, [asked]);
  const answer = asked.answer.value;
  if (answer.status === "failed") {
    return (
      <Banner tone="error" action={{ label: "Try again", onClick: () => void asked.ask() }}>
        {safeText(answer.error.message)}
      </Banner>
    );
  }
  const page = answer.status === "ready" ? answer.value : undefined;
  if (page === undefined) return null;
  const rows = [...page.rows, ...later];
  const more = async () => {
    const next = await request(rows.length);
    setLater([...later, ...(next?.rows ?? [])]);
  };
  return (
    <section class="statistics" aria-label="Pieces">
      <h3 class="section-title">
        Pieces <span class="section-note">{formatCount(page.total)}</span>
      </h3>
      <Unreadable page={page} />
      {rows.length > 0 && <PieceTable model={model} rows={rows} />}
      {rows.length < page.total && (
        <Button
          onClick={() => void more().catch(() => undefined)}
        >{`Show more of ${plural(page.total, "piece")}`}</Button>
      )}
    </section>
  );
}

function Unreadable({ page }: { readonly page: PiecePage }) {
  if (page.unreadable === undefined) return null;
  return (
    <p class="verdict">
      <Icon name="error" class="error" label="Cannot be read whole" />
      <span>{`Cannot be read: ${safeText(page.unreadable)}`}</span>
    </p>
  );
}

function PieceTable({ model, rows }: { readonly model: EditorModel; readonly rows: readonly PieceRow[] }) {
  const hasRanks = rows.some(({ rank }) => rank !== undefined);
  const files = model.state.value?.status === "ready" ? model.state.value.summary.files : [];
  return (
    <table class="plain-table pieces-table" aria-label="Pieces of the tensor">
      <thead>
        <tr>
          {hasRanks && (
            <th scope="col" class="pieces-rank">
              Rank
            </th>
          )}
          <th scope="col">Place</th>
          <th scope="col">File</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((piece, index) => {
          const file = files.find(({ name }) => name === piece.file);
          return (
            <tr key={`${index} ${piece.place}`}>
              {hasRanks && <td>{safeText(piece.rank ?? "")}</td>}
              <th scope="row" title={plural(piece.elements, "element")}>
                {piece.place}
              </th>
              <td>
                {piece.absent !== undefined ? (
                  <span>
                    <Icon name="error" class="error" label="Not there" /> {safeText(piece.absent)}
                  </span>
                ) : file === undefined ? (
                  <MiddleEllipsis text={piece.file} tail={14} class="mono" />
                ) : (
                  <button
                    type="button"
                    class="link mono"
                    title={`From about byte ${formatCount(piece.offset)}`}
                    onClick={() => model.host.notify("open", { path: file.path })}
                  >
                    <MiddleEllipsis text={piece.file} tail={14} />
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
