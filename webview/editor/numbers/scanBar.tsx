import { baseName } from "../../../src/core/bytes/paths";
import { faultsAmong } from "../../../src/core/problem/problem";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import type { ScanState } from "../../../src/protocol/numbersSurface";
import { Button } from "../../ui/controls";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { CodesChoice } from "../values/codesChoice";

/** How far the scan is, or what it found. Nothing where none was asked for. */
export function ScanBar({ model }: { readonly model: EditorModel }) {
  const { scan } = model;
  const state = scan.state.value;
  void scan.version.value;
  if (state === undefined || state.status === "none") return null;
  if (state.status === "running") return <RunningScan model={model} state={state} />;
  return (
    <div class="scan-bar">
      <p role="status">
        <ScanOutcome model={model} state={state} />
      </p>
      {(state.findings?.packed ?? 0) > 0 && (
        <CodesChoice
          label="What is measured of packed weights"
          ofCodes={state.findings?.ofCodes === true}
          onChoose={(ofCodes) => scan.start(ofCodes)}
        />
      )}
      <Button onClick={() => scan.start()}>Scan again</Button>
      {(scan.table.value?.measured ?? 0) > 0 && (
        <Button
          title="The numbers of all measured tensors as CSV or JSON; asks where to"
          onClick={() => model.host.notify("exportScan", null)}
        >
          Export…
        </Button>
      )}
    </div>
  );
}

interface ScanPartProps {
  readonly model: EditorModel;
  readonly state: ScanState;
}

function RunningScan({ model, state }: ScanPartProps) {
  const { doneBytes, totalBytes } = state;
  const known = totalBytes > 0;
  return (
    <div class="scan-bar">
      <progress aria-label="Scan" {...(known ? { value: doneBytes, max: totalBytes } : {})} />
      <p class="number" role="status">
        {known ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${paceText(state)}` : "Scanning…"}
      </p>
      <Button onClick={() => model.scan.cancel()}>Cancel</Button>
    </div>
  );
}

/** Before half a second there is no telling how fast it is. */
function paceText({ doneBytes, totalBytes, elapsedMs }: ScanState): string {
  if (elapsedMs < 500 || doneBytes === 0) return "";
  const bytesPerSecond = (doneBytes / elapsedMs) * 1000;
  const left = Math.max(0, totalBytes - doneBytes) / bytesPerSecond;
  return ` · ${formatBytes(bytesPerSecond)}/s · ${timeText(left)} left`;
}

function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function howText({ totalBytes, elapsedMs, findings }: ScanState): string {
  const { file, measuredMs } = findings?.earlier ?? {};
  if (file !== undefined) return `As ${safeText(baseName(file))} says, a scan of the same files`;
  if (measuredMs === undefined) return `Scanned ${formatBytes(totalBytes)} in ${timeText(elapsedMs / 1000)}`;
  return `As scanned on ${new Date(measuredMs).toLocaleString()}; the files are the same`;
}

function ScanOutcome({ model, state }: ScanPartProps) {
  const { scan } = model;
  if (state.status === "failed") {
    return <span class="error">{`The scan failed. ${safeText(state.message ?? "")}`}</span>;
  }
  if (state.status === "cancelled") {
    const measured = scan.table.value?.measured ?? 0;
    return <>{`Scan cancelled: ${formatCount(measured)} of ${plural(scan.rows, "tensor")} measured.`}</>;
  }
  const serious = faultsAmong(scan.problems.value).length;
  const outliers = state.findings?.outlierCount ?? 0;
  return (
    <>
      {`${howText(state)} · `}
      {scan.problems.value.length === 0 ? (
        "nothing wrong found"
      ) : (
        <button type="button" class="link" onClick={() => model.showTab("health")}>
          {serious > 0 ? plural(serious, "problem") : plural(scan.problems.value.length, "note")}
        </button>
      )}
      {outliers > 0 && ` · ${plural(outliers, "outlier")} among layers`}
    </>
  );
}
