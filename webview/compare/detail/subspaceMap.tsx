import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SimilarityMap } from "../../../src/core/compare/compareView";
import { CellLegend } from "../../cells/cellLegend";
import { CellMap } from "../../cells/cellMap";
import type { CellScale } from "../../cells/cellScale";
import { colorRamp } from "../../cells/colorRamp";
import { MapActions } from "../../cells/mapActions";
import { chartTheme } from "../../charts/chartTheme";
import type { GridCell } from "../../ui/grid/gridCell";
import { safeText } from "../../ui/safeText";
import { ScrollRegion } from "../../ui/scrollRegion";
import { CopyButtons } from "../../ui/tables/copyButtons";
import type { CompareModel } from "../compareModel";
import { chartOutlets } from "./readyDetail";

export interface SubspaceMapProps {
  readonly model: CompareModel;
  readonly title: string;
  readonly help: string;
  readonly map: SimilarityMap | undefined;
  readonly first: string;
  readonly second: string;
}

const scale = { kind: "sequential", min: 0, max: 1, logarithmic: false } as const;
const widestPx = 320;
const largestCellPx = 20;

/** φ(i, j): how much of the first i directions of one snapshot lies in the first j of the other (LoRA paper, 7.2). */
export function SubspaceMap({ model, title, help, map, first, second }: SubspaceMapProps) {
  const theme = chartTheme().value;
  const frame = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(widestPx);
  const [asTable, setAsTable] = useState(false);
  const [cursor, setCursor] = useState<GridCell>();
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setRoom(Math.max(60, Math.min(widestPx, element.clientWidth - 60))),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const look = useMemo<CellScale>(
    () => ({ scale, ramp: colorRamp("sequential", theme.isDark), theme }),
    [theme],
  );
  if (map === undefined) {
    return (
      <figure ref={frame} class="chart">
        <figcaption class="chart-head">
          <h3 class="chart-title">{title}</h3>
        </figcaption>
        <p class="dim">The spaces can't be compared: an update is zero, or the shapes differ.</p>
      </figure>
    );
  }
  const { rows, cols } = map;
  const sizeWith = (cell: number) => ({ width: cell * cols, height: cell * rows });
  const longest = Math.max(rows, cols);
  const start = cursor ?? { row: rows - 1, column: cols - 1 };
  const reading = phiText(map, start);
  const name = `${title} of ${first} and ${second}`;
  const what = `the ${title.toLowerCase()}`;
  const outlets = chartOutlets(model);
  return (
    <figure ref={frame} class="chart subspace">
      <figcaption class="chart-head">
        <h3 class="chart-title" title={help}>
          {title}
        </h3>
        <span class="chart-summary ellipsis">{reading}</span>
        <span class="chart-actions">
          <MapActions
            what={what}
            asTable={asTable}
            onTable={setAsTable}
            picture={() => ({
              title: name,
              note: `down: i of ${first}, across: j of ${second}; φ from 0 to 1`,
              panels: [{ matrix: map }],
              size: sizeWith(Math.max(160, Math.min(512, 16 * longest)) / longest),
              look,
              format: String,
            })}
            onSavePicture={outlets.onSavePicture}
          />
        </span>
      </figcaption>
      {asTable ? (
        <>
          <SubspaceTable map={map} label={safeText(name)} />
          <CopyButtons
            what={what}
            copied={(format) => ({
              table: textOf(map, format === "CSV" ? 7 : 4),
              what: `${rows} × ${cols} similarities`,
            })}
            onCopy={outlets.onCopy}
          />
        </>
      ) : (
        <>
          <div class="subspace-frame">
            <span class="subspace-rows ellipsis" title={safeText(first)}>
              {safeText(`i of ${first}`)}
            </span>
            <CellMap
              label={name}
              description="Arrow keys go from cell to cell."
              rows={rows}
              cols={cols}
              panels={[{ key: "", matrix: map }]}
              look={look}
              size={sizeWith(Math.min(largestCellPx, room / longest))}
              text={reading}
              cursor={cursor}
              start={start}
              corners
              onCursor={setCursor}
            />
            <span class="subspace-cols ellipsis" title={safeText(second)}>
              {safeText(`j of ${second}`)}
            </span>
          </div>
          <CellLegend label="φ(i, j)" look={look} format={String} />
        </>
      )}
    </figure>
  );
}

function phiText({ values, cols }: SimilarityMap, { row, column }: GridCell): string {
  const value = values[row * cols + column] ?? Number.NaN;
  return `φ(${row + 1}, ${column + 1}) = ${value.toFixed(3)}`;
}

function textOf({ rows, cols, values }: SimilarityMap, digits: number) {
  return {
    headers: ["i \\ j", ...Array.from({ length: cols }, (_, col) => String(col + 1))],
    rows: Array.from({ length: rows }, (_, row) => [
      String(row + 1),
      ...Array.from(values.slice(row * cols, (row + 1) * cols), (value) =>
        String(Number(value.toPrecision(digits))),
      ),
    ]),
    alignEnd: new Set(Array.from({ length: cols + 1 }, (_, col) => col)),
  };
}

function SubspaceTable({ map, label }: { readonly map: SimilarityMap; readonly label: string }) {
  const { rows, cols, values } = map;
  return (
    <ScrollRegion label={label} class="subspace-table">
      <table aria-label={label}>
        <thead>
          <tr>
            <td>i \ j</td>
            {Array.from({ length: cols }, (_, col) => (
              <th key={col} scope="col">
                {col + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              <th scope="row">{row + 1}</th>
              {Array.from({ length: cols }, (_each, col) => (
                <td key={col}>{(values[row * cols + col] ?? Number.NaN).toFixed(3)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
