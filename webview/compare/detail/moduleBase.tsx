import { useEffect } from "preact/hooks";
import { baseName } from "../../../src/core/bytes/paths";
import type { SnapshotColumn } from "../../../src/core/compare/compareView";
import { canonicalName } from "../../../src/core/names/canonicalName";
import { formatCount, formatShare, plural } from "../../../src/core/text/quantities";
import { IntruderSearch } from "../../editor/lora/loraIntruders";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { DetailProps } from "./readyDetail";
import type { SnapshotBase } from "./snapshotBases";

/** How large the update of each snapshot is beside its base weight, and which directions it put there. */
export function ModuleBase({ model, view, detail: { module } }: DetailProps) {
  const cells = view.modules.find((row) => row.module === module)?.cells ?? [];
  const adapted = view.columns.filter((_, at) => cells[at] != null && cells[at]?.unavailable === undefined);
  if (adapted.length === 0) return <p class="dim">No snapshot has an update of this module.</p>;
  return (
    <div class="module-base">
      {adapted.map((column) => (
        <SnapshotPart key={column.path} column={column} module={module} asked={model.bases.of(column.path)} />
      ))}
    </div>
  );
}

interface SnapshotPartProps {
  readonly column: SnapshotColumn;
  readonly module: string;
  readonly asked: SnapshotBase;
}

function SnapshotPart({ column: { label }, module, asked }: SnapshotPartProps) {
  const { base, basePath } = asked;
  const { status } = base.answer.value;
  useEffect(() => base.ensureLoaded(), [base, status]);
  return (
    <section class="lora-intruders" aria-label={`${safeText(label)} and its base`}>
      <h3 class="strong">{safeText(label)}</h3>
      <p>
        {basePath !== undefined ? (
          <>
            <span class="dim">Base model</span>{" "}
            <bdi class="mono" title={safeText(basePath)}>
              {safeText(baseName(basePath))}
            </bdi>{" "}
          </>
        ) : status === "ready" ? (
          <span class="dim">The base model is not beside the snapshot. </span>
        ) : status === "failed" ? (
          <span class="dim">The base model was not found. </span>
        ) : (
          <span role="status">Looking for the base model…</span>
        )}
        {status !== "waiting" && (
          <button type="button" class="link" onClick={() => void asked.chooseBase()}>
            {basePath === undefined ? "Choose base model…" : "Choose another…"}
          </button>
        )}
      </p>
      {basePath !== undefined && (
        <>
          <Ratio module={module} asked={asked} />
          <IntruderSearch asked={asked.intrudersOf(module)} />
        </>
      )}
    </section>
  );
}

function Ratio({ module, asked: { ratios } }: Pick<SnapshotPartProps, "module" | "asked">) {
  const answer = ratios.answer.value;
  const step = ratios.progress.value;
  switch (answer.status) {
    case "not asked":
    case "cancelled":
      return (
        <div class="button-row">
          <Button title="‖ΔW‖ / ‖W‖: reads the adapted weights of the base" onClick={() => void ratios.ask()}>
            Measure against the base
          </Button>
        </div>
      );
    case "waiting":
      return (
        <div class="button-row">
          <span role="status">
            Reading the weights of the base…
            {step !== undefined && ` ${formatCount(step.done)} of ${formatCount(step.total)}`}
          </span>
          <Button onClick={() => ratios.cancel()}>Cancel</Button>
        </div>
      );
    case "failed":
      return (
        <p role="alert">
          <Icon name="error" class="error" label="Error" /> {safeText(answer.error.message)}
        </p>
      );
    case "ready": {
      const { modules, ratio, problems } = answer.value;
      const wanted = canonicalName(module);
      const found = modules.find((one) => one.module === module || canonicalName(one.module) === wanted);
      const all =
        ratio === undefined ? "" : `, ${formatShare(ratio)} over ${plural(modules.length, "module")}`;
      return (
        <>
          <p role="status">
            {found === undefined
              ? `Nothing in the base could be held against this module${all}.`
              : `‖ΔW‖ is ${formatShare(found.ratio)} of ‖W‖ in this module${all}.`}
          </p>
          {problems.map(({ message }) => (
            <p key={message}>
              <Icon name="warning" class="warning" label="Warning" /> {safeText(message)}
            </p>
          ))}
        </>
      );
    }
  }
}
