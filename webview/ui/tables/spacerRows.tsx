import { rowHeight } from "./rowHeight";

/** An empty row as high as the rows that it stands for: they are not in the DOM. */
export function SpacerRows({ rows }: { readonly rows: number }) {
  return rows > 0 ? <tr class="spacer" style={{ height: `${rows * rowHeight}px` }} /> : null;
}
