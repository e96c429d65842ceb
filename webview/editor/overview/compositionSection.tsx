import type { ComponentChildren } from "preact";
import {
  formatBytes,
  formatCount,
  formatShare,
  formatShortCount,
  plural,
} from "../../../src/core/text/quantities";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import { ShareBar } from "../../ui/shareBar";
import { parameterText } from "../parameterText";
import type { OverviewProps } from "./overviewTab";

/** Where the bytes are: by type of number and by module. The table is the chart's own text. */
export function CompositionSection({ model, summary }: OverviewProps) {
  const { dtypes, composition, tensorBytes, parameterCount, tensorCount } = summary;
  if (tensorCount === 0) return null;
  const showModule = (path: string) => model.showModules(path);
  const shared = sharedPath(composition.flatMap((share) => share.module ?? []));
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
          name: <code>{safeText(share.dtype)}</code>,
        }))}
      />
      {composition.length > 0 && (
        <ShareTable
          label="Composition by module"
          heading="Module"
          total={tensorBytes}
          rows={composition.map((share) => ({
            ...share,
            key: share.module ?? "",
            name:
              share.module === undefined ? (
                <span class="dim">other modules</span>
              ) : (
                <ModuleLink module={share.module} shared={shared} onShow={showModule} />
              ),
          }))}
        />
      )}
    </Section>
  );
}

/** The path that all modules begin with. It tells nothing, and leaves no room for what tells them apart. */
function sharedPath(modules: readonly string[]): string {
  const [first = "", ...others] = modules;
  if (others.length === 0) return "";
  let shared = first;
  while (!others.every((module) => module.startsWith(shared))) {
    shared = shared.slice(0, Math.max(0, shared.lastIndexOf(".", shared.length - 2) + 1));
  }
  return shared.endsWith(".") ? shared : "";
}

interface ModuleLinkProps {
  readonly module: string;
  readonly shared: string;
  readonly onShow: (path: string) => void;
}

function ModuleLink({ module, shared, onShow }: ModuleLinkProps) {
  const text = shared === "" ? module : `…${module.slice(shared.length)}`;
  return (
    <button
      type="button"
      class="link mono module-link"
      title={safeText(module)}
      aria-label={safeText(module)}
      onClick={() => onShow(module)}
    >
      <MiddleEllipsis text={text} />
    </button>
  );
}

interface ShareRow {
  readonly key: string;
  readonly name: ComponentChildren;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

interface ShareTableProps {
  readonly label: string;
  readonly heading: string;
  readonly total: number;
  readonly rows: readonly ShareRow[];
}

function ShareTable({ label, heading, total, rows }: ShareTableProps) {
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
          <th scope="col">{heading}</th>
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
              <th scope="row">{row.name}</th>
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
