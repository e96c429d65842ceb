import { formatBytes, formatCount } from "../../src/core/text/quantities";
import type { EditorState } from "../../src/protocol/editorSurface";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MessageText } from "../ui/messageText";
import { safeText } from "../ui/safeText";
import type { EditorModel } from "./editorModel";

interface FailedViewProps {
  readonly model: EditorModel;
  readonly state: EditorState & { status: "failed" };
}

/** The file cannot be shown: what is wrong, where, and what can be done. */
export function FailedView({ model, state }: FailedViewProps) {
  const { problem, path, name, fileBytes } = state;
  return (
    <div class="page-scroll">
      <div class="failed" role="alert">
        <Icon name="error" class="error failed-icon" />
        <h1 class="failed-title">
          <bdi>{safeText(name)}</bdi> could not be read
        </h1>
        <p class="failed-message">
          <MessageText text={problem.message} />
        </p>
        <table class="key-value-table plain failed-facts" aria-label="Where">
          <tbody>
            <Fact name="File" value={problem.file ?? path} mono />
            {/* What is wrong with a file from its first byte is wrong with all of it. */}
            {problem.offset !== undefined && problem.offset > 0 && (
              <Fact name="At byte" value={`${formatCount(problem.offset)}${ofTotal(fileBytes)}`} />
            )}
            {fileBytes !== undefined && <Fact name="Size" value={sizeText(fileBytes)} />}
            {problem.tensor !== undefined && <Fact name="Tensor" value={problem.tensor} mono />}
            <Fact name="Reason" value={problem.code} mono />
          </tbody>
        </table>
        <div class="button-row">
          <Button look="primary" onClick={() => model.reload()}>
            Try again
          </Button>
          <Button onClick={() => model.host.notify("openAsText", { path: problem.file ?? path })}>
            Open as text
          </Button>
        </div>
      </div>
    </div>
  );
}

function ofTotal(fileBytes: number | undefined): string {
  return fileBytes === undefined ? "" : ` of ${formatCount(fileBytes)}`;
}

function sizeText(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${formatCount(bytes)} bytes)`;
}

function Fact({
  name,
  value,
  mono,
}: {
  readonly name: string;
  readonly value: string;
  readonly mono?: boolean;
}) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class={mono ? "mono" : undefined}>{safeText(value)}</td>
    </tr>
  );
}

interface DeletedViewProps {
  readonly state: EditorState & { status: "deleted" };
}

export function DeletedView({ state }: DeletedViewProps) {
  return (
    <div class="page-scroll">
      <div class="failed" role="status">
        <Icon name="info" class="dim failed-icon" />
        <h1 class="failed-title">
          <bdi>{safeText(state.name)}</bdi> was deleted
        </h1>
        <p class="failed-message">
          The file is no longer on disk, so there is nothing to show. Should it come back, it appears here by
          itself.
        </p>
        <p class="mono wrap dim">{safeText(state.path)}</p>
      </div>
    </div>
  );
}
