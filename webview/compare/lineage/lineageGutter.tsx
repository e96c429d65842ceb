import type { Lineage, LineageEdge } from "../../../src/core/stage/lineage";
import type { LineageLayout } from "../../../src/core/stage/lineageLayout";

export interface LineageGutterProps {
  readonly lineage: Lineage;
  readonly layout: LineageLayout;
  readonly row: number;
}

/** Pixels from lane to lane, and from the top of a row to its dot. */
const laneWidth = 14;
const dotY = 11;
/** In which a line passes from lane to lane, above and below a dot. */
const bend = 11;

/**
 * The lines beside one row. What goes on below is drawn to the bottom of the row by a line that grows with it, so that
 * rows may be of any height.
 */
export function LineageGutter({ lineage: { nodes, edges }, layout, row }: LineageGutterProps) {
  // The middle of a pixel: a line lies in one column of them, above and below the drawing too.
  const x = (lane: number) => laneWidth * lane + laneWidth / 2 + 0.5;
  const own = x(layout.lanes[row] ?? 0);
  const laneOf = (edge: LineageEdge) => x(layout.edgeLanes[edges.indexOf(edge)] ?? 0);
  const arriving = edges.filter(({ to }) => to === row);
  const leaving = edges.filter(({ from }) => from === row);
  const passing = edges.filter(({ from, to }) => from < row && row < to);
  const width = laneWidth * layout.laneCount;
  const style = (edge: LineageEdge) => (isInferred(edge) ? "lineage-line inferred" : "lineage-line");
  const status = nodes[row]?.status;
  return (
    <span class="lineage-gutter" style={{ width: `${width}px` }} aria-hidden="true">
      <svg width={width} height={dotY + bend} role="presentation">
        {arriving.map((edge) => (
          <path
            key={`to ${edge.from}`}
            class={style(edge)}
            d={`M${laneOf(edge)} 0 C${laneOf(edge)} ${dotY / 2} ${own} ${dotY / 2} ${own} ${dotY}`}
          />
        ))}
        {leaving.map((edge) => (
          <path
            key={`from ${edge.to}`}
            class={style(edge)}
            d={`M${own} ${dotY} C${own} ${dotY + bend / 2} ${laneOf(edge)} ${dotY + bend / 2} ${laneOf(edge)} ${dotY + bend}`}
          />
        ))}
        {passing.map((edge) => (
          <path
            key={`by ${edge.from} ${edge.to}`}
            class={style(edge)}
            d={`M${laneOf(edge)} 0 V${dotY + bend}`}
          />
        ))}
        <circle class={`lineage-dot ${status === "here" ? "" : "unknown"}`} cx={own} cy={dotY} r={4} />
      </svg>
      {[...leaving, ...passing].map((edge) => (
        <span
          key={`${edge.from} ${edge.to}`}
          class={isInferred(edge) ? "lineage-down inferred" : "lineage-down"}
          style={{ left: `${laneOf(edge) - 0.5}px`, top: `${dotY + bend}px` }}
        />
      ))}
    </span>
  );
}

function isInferred({ source }: LineageEdge): boolean {
  return source === "steps" || source === "stages";
}
