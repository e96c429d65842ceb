import { useMemo, useState } from "preact/hooks";
import { type RankCell, type RankMap, ranksOf } from "../../../src/core/checkpoint/rankMap";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import type { CheckpointFile } from "../../../src/core/formats/checkpointFile";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import { CellMap } from "../../cells/cellMap";
import { blanks, type CellMatrix } from "../../cells/cellMatrix";
import type { CellScale } from "../../cells/cellScale";
import { colorRamp } from "../../cells/colorRamp";
import { chartTheme } from "../../charts/chartTheme";
import type { GridCell } from "../../ui/grid/gridCell";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";

export interface RankMapSectionProps {
  readonly model: EditorModel;
  readonly ranks: RankMap;
  readonly files: CheckpointSummary["files"];
}

/** Ranks beside each other; more go on in the next line. */
const mostColumns = 32;
const cellPx = 15;

/** Files that no kind is known of go by the pattern of their names, which is no sentence's beginning. */
const isPattern = /[._*]/;

/**
 * Which rank has which file: a cell a rank, coloured by its bytes, so that what is missing and what is uneven shows.
 * The list of files is its text.
 */
export function RankMapSection({ model, ranks, files }: RankMapSectionProps) {
  const theme = chartTheme().value;
  const [at, setAt] = useState<{ readonly kind: number; readonly cell: GridCell }>();
  const looks = useMemo(
    () =>
      ranks.kinds.map((_, kind): CellScale => {
        const most = Math.max(1, ...ranks.rows.map(({ cells }) => cells[kind]?.bytes ?? 0));
        // The far end of the ramp would be glaring where all ranks have as much, as most have.
        const max = 2 * most;
        const scale = { kind: "sequential", min: 0, max, logarithmic: false } as const;
        return { scale, ramp: colorRamp("sequential", theme.isDark), theme };
      }),
    [ranks, theme],
  );
  const shown = useMemo(() => ranks.kinds.map((_, kind) => ranksOf(ranks, kind)), [ranks]);
  const columnsOf = (kind: number) => Math.min(mostColumns, shown[kind]?.length ?? 0);
  const rankAt = (kind: number, { row, column }: GridCell) => shown[kind]?.[row * columnsOf(kind) + column];
  const textAt = (kind: number, cell: GridCell) =>
    cellText(rankAt(kind, cell), kind, ranks.kinds[kind] ?? "");
  const reading = at === undefined ? undefined : textAt(at.kind, at.cell);
  const open = (kind: number, cell: GridCell) => {
    const name = rankAt(kind, cell)?.cells[kind]?.name;
    const file = files.find((each) => each.name === name);
    if (file !== undefined && file.status !== "missing") model.host.notify("open", { path: file.path });
  };
  return (
    <div class="rank-map">
      {ranks.kinds.map((kind, index) => {
        const cursor = at?.kind === index ? at.cell : undefined;
        const start = cursor ?? { row: 0, column: 0 };
        const own = shown[index] ?? [];
        const columns = columnsOf(index);
        const rows = Math.ceil(own.length / columns);
        const told = kindText(own, index);
        return (
          <div key={kind} class="rank-map-kind">
            <div class="rank-map-head">
              <span class={isPattern.test(kind) ? "mono" : "rank-map-words"}>{safeText(kind)}</span>{" "}
              <span class="dim">{safeText(told)}</span>
            </div>
            <CellMap
              label={`${kind} by rank: ${told}`}
              description="Arrow keys go from rank to rank. Enter opens the file."
              shownAs="picture"
              rows={rows}
              cols={columns}
              panels={[{ key: "", matrix: matrixOf(own, index, rows, columns) }]}
              look={looks[index] as CellScale}
              size={{ width: columns * cellPx, height: rows * cellPx }}
              text={textAt(index, start)}
              cursor={cursor}
              start={start}
              holds={(cell) => rankAt(index, cell) !== undefined}
              onCursor={(cell) => setAt(cell && { kind: index, cell })}
              onOpen={(cell) => open(index, cell)}
            />
          </div>
        );
      })}
      <p class="rank-map-reading dim" aria-hidden="true">
        {reading === undefined
          ? "A cell a rank, coloured by its bytes; a cross is a file that is missing or cut, a dot a rank without one."
          : safeText(reading)}
      </p>
    </div>
  );
}

type Ranks = RankMap["rows"];

function matrixOf(ranks: Ranks, kind: number, rows: number, cols: number): CellMatrix {
  const values = new Float64Array(rows * cols);
  const presence = new Uint8Array(rows * cols);
  for (const [index, { cells }] of ranks.entries()) {
    const cell = cells[kind];
    presence[index] = cell === undefined ? blanks.absent : blanks.present;
    values[index] = isLost(cell) ? Number.NaN : (cell?.bytes ?? 0);
  }
  return { rows, cols, values, presence };
}

function isLost(cell: RankCell | undefined): boolean {
  return cell?.status === "missing" || cell?.status === "broken";
}

const statusWords: Record<CheckpointFile["status"], string> = {
  ok: "",
  broken: ", cannot be read whole",
  missing: ", missing",
  extra: ", left over",
};

/** e.g. "7 of 8 there, 12.3 MB; missing or cut: rank 3" */
function kindText(ranks: Ranks, kind: number): string {
  const cells = ranks.flatMap(({ rank, cells: own }) => {
    const cell = own[kind];
    return cell === undefined ? [] : [{ rank, cell }];
  });
  const lost = cells.filter(({ cell }) => isLost(cell));
  const bytes = cells.reduce((sum, { cell }) => sum + cell.bytes, 0);
  const count =
    lost.length === 0
      ? plural(
          cells.reduce((sum, { cell }) => sum + cell.files, 0),
          "file",
        )
      : `${formatCount(cells.length - lost.length)} of ${formatCount(cells.length)} there`;
  const named = lost.slice(0, 8).map(({ rank }) => rank);
  const more = lost.length > named.length ? ` and ${formatCount(lost.length - named.length)} more` : "";
  return `${count}, ${formatBytes(bytes)}${lost.length === 0 ? "" : `; missing or cut: ${named.join(", ")}${more}`}`;
}

function cellText(row: Ranks[number] | undefined, kind: number, kindName: string): string {
  if (row === undefined) return "";
  const cell = row.cells[kind];
  const what = `${row.rank}, ${kindName}`;
  if (cell === undefined) return `${what}: none`;
  const size = cell.status === "missing" ? "" : `, ${formatBytes(cell.bytes)}`;
  const others = cell.files > 1 ? ` and ${plural(cell.files - 1, "other file")}` : "";
  return `${what}: ${cell.name}${others}${size}${statusWords[cell.status]}`;
}
