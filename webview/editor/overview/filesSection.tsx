import { useState } from "preact/hooks";
import type { CheckpointFile } from "../../../src/core/formats/checkpointFile";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { Icon, type IconName } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import type { OverviewProps } from "./overviewTab";

const statuses: Record<
  CheckpointFile["status"],
  { readonly icon: IconName; readonly tone: string; readonly text: string }
> = {
  ok: { icon: "check", tone: "good", text: "ok" },
  broken: { icon: "error", tone: "error", text: "cannot be read" },
  missing: { icon: "error", tone: "error", text: "missing" },
  extra: { icon: "warning", tone: "warning", text: "not in the index" },
};

const shownFiles = 12;

/** The shards of a model. A single file needs no list: the header names it. */
export function FilesSection({ model, summary }: OverviewProps) {
  const [all, setAll] = useState(false);
  const { files } = summary;
  const hasRanks = files.some(({ rank }) => rank !== undefined);
  if (files.length <= 1 && files.every(({ status }) => status === "ok")) return null;
  // What is wrong must not hide below the fold of a hundred shards that are not.
  const ordered = [
    ...files.filter(({ status }) => status !== "ok"),
    ...files.filter(({ status }) => status === "ok"),
  ];
  const shown = all ? ordered : ordered.slice(0, shownFiles);
  return (
    <Section title="Files" note={`${plural(files.length, "file")}, ${formatBytes(summary.fileBytes)}`}>
      <table class="files-table" aria-label="Files">
        <tbody>
          {shown.map((file) => {
            const status = statuses[file.status];
            return (
              <tr key={file.path}>
                <th scope="row">
                  {file.path === summary.path || file.status === "missing" ? (
                    <MiddleEllipsis text={file.name} class="mono" />
                  ) : (
                    <button
                      type="button"
                      class="link mono"
                      onClick={() => model.host.notify("open", { path: file.path })}
                    >
                      <MiddleEllipsis text={file.name} />
                    </button>
                  )}
                </th>
                {hasRanks && <td class="file-rank dim">{safeText(file.rank ?? "")}</td>}
                <td class={`file-status ${file.status === "ok" ? "dim" : ""}`}>
                  <Icon name={status.icon} class={status.tone} />{" "}
                  {file.status === "extra" && summary.distributed !== undefined ? "left over" : status.text}
                </td>
                <td class="cell-end number">{file.status === "missing" ? "–" : formatBytes(file.bytes)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {shown.length < files.length && (
        <Button onClick={() => setAll(true)}>{`Show all ${formatCount(files.length)} files`}</Button>
      )}
    </Section>
  );
}
