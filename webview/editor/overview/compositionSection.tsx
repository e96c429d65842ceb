import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  formatBytes,
  formatCount,
  formatShare,
  formatShortCount,
  plural,
} from "../../../src/core/text/quantities";
import { letterWidth } from "../../ui/names/letterWidth";
import { NameColumn } from "../../ui/names/nameColumn";
import { NamePrefix, NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import { ShareBar } from "../../ui/shareBar";
import { parameterText } from "../parameterText";
import type { OverviewProps } from "./overviewTab";

/** Where the bytes are: by type of number and by module. The table is the chart's own text. */
export function CompositionSection({ model, summary }: OverviewProps) {
  const { dtypes, composition, tensorBytes, parameterCount, tensorCount } = summary;
  const names = useMemo(
    () => NameColumn.of(composition.flatMap(({ module }) => module ?? [])),
    [composition],
  );
  if (tensorCount === 0) return null;
  const showModule = (path: string) => model.showModules(path);
  return (
    <Section
      title="Composition"
      note={`${plural(tensorCount, "tensor")}, ${parameterText(parameterCount)}, ${formatBytes(tensorBytes)}`}
    >
      <ShareTable
        label="Composition by dtype"
        heading="Dtype"
        total={tensorBytes}
        rows={dtypes.map((share) => ({
          ...share,
          key: share.dtype,
          name: () => <code>{safeText(share.dtype)}</code>,
        }))}
      />
      {composition.length > 0 && (
        <ShareTable
          label="Composition by module"
          heading="Module"
          prefix={names.prefix}
          total={tensorBytes}
          rows={composition.map((share) => ({
            ...share,
            key: share.module ?? "",
            name: (room) =>
              share.module === undefined ? (
                <span class="dim">other modules</span>
              ) : (
                <ModuleLink module={share.module} names={names} room={room} onShow={showModule} />
              ),
          }))}
        />
      )}
    </Section>
  );
}

interface ModuleLinkProps {
  readonly module: string;
  readonly names: NameColumn;
  /** In characters. */
  readonly room: number;
  readonly onShow: (path: string) => void;
}

function ModuleLink({ module, names, room, onShow }: ModuleLinkProps) {
  return (
    <button
      type="button"
      class="link mono module-link"
      title={safeText(module)}
      aria-label={safeText(module)}
      onClick={() => onShow(module)}
    >
      <NameText names={names} name={module} room={room} />
    </button>
  );
}

interface ShareRow {
  readonly key: string;
  /** In a column of so many characters. */
  readonly name: (room: number) => ComponentChildren;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

interface ShareTableProps {
  readonly label: string;
  readonly heading: string;
  /** What all names begin with. */
  readonly prefix?: string;
  readonly total: number;
  readonly rows: readonly ShareRow[];
}

function ShareTable({ label, heading, prefix = "", total, rows }: ShareTableProps) {
  const column = useRef<HTMLTableCellElement>(null);
  const [room, setRoom] = useState(Number.POSITIVE_INFINITY);
  useLayoutEffect(() => {
    const cell = column.current;
    if (cell === null) return;
    const observer = new ResizeObserver(() => setRoom(Math.floor(cell.clientWidth / letterWidth())));
    observer.observe(cell);
    return () => observer.disconnect();
  }, []);
  return (
    <table class="share-table" aria-label={label}>
      <colgroup>
        <col />
        <col class="share-bar-column" />
        <col class="share-number-column" />
        <col class="share-number-column" />
        <col class="share-number-column" />
        <col class="share-tensors share-number-column" />
      </colgroup>
      <thead>
        <tr>
          <th scope="col" ref={column}>
            {heading} <NamePrefix prefix={prefix} />
          </th>
          <th scope="col" class="cell-end" colSpan={2}>
            Share
          </th>
          <th scope="col" class="cell-end">
            Size
          </th>
          <th scope="col" class="cell-end" title="Parameters">
            Params
          </th>
          <th scope="col" class="cell-end share-tensors">
            Tensors
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const share = total > 0 ? row.bytes / total : 0;
          return (
            <tr key={row.key}>
              <th scope="row">{row.name(room)}</th>
              <td class="share-bar-cell">
                <ShareBar share={share} />
              </td>
              <td class="cell-end">{formatShare(share)}</td>
              <td class="cell-end">{formatBytes(row.bytes)}</td>
              <td class="cell-end" title={formatCount(row.parameters)}>
                {formatShortCount(row.parameters)}
              </td>
              <td class="cell-end share-tensors">{formatCount(row.tensors)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
