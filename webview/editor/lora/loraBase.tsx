import { useEffect } from "preact/hooks";
import { baseName } from "../../../src/core/bytes/paths";
import type { LoraView } from "../../../src/core/session/loraView";
import { formatCount, formatShare, plural } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";

export interface LoraBaseProps {
  readonly model: EditorModel;
  readonly view: LoraView;
}

/** Weights that are read without being asked for: a second's work. */
const maxEagerParameters = 1e8;

/** How large the updates are beside the weights of the base model, where one is known. */
export function LoraBase({ model, view }: LoraBaseProps) {
  const { base, ratios } = model.lora;
  const known = base.answer.value;
  const answer = ratios.answer.value;
  const path = known.status === "ready" ? known.value : undefined;
  useEffect(() => base.ensureLoaded(), [known.status]);
  const parameters = view.modules.reduce((sum, row) => sum + row.inFeatures * row.outFeatures, 0);
  // Without factors the file does not tell how large the weights are.
  const isSmall = view.modules.length > 0 && parameters <= maxEagerParameters;
  useEffect(() => {
    if (path !== undefined && isSmall) ratios.ensureLoaded();
  }, [path, answer.status, isSmall]);
  if (known.status === "not asked" || known.status === "waiting") return <div class="lora-base" />;
  const choose = (label: string) => (
    <button type="button" class="link" onClick={() => void model.lora.chooseBase()}>
      {label}
    </button>
  );
  if (path === undefined) {
    return (
      <div class="lora-base">
        <span class="dim">The base model is not beside the adapter.</span> {choose("Choose base model…")}
      </div>
    );
  }
  const name = (
    <bdi class="mono" title={safeText(path)}>
      {safeText(baseName(path))}
    </bdi>
  );
  const step = ratios.progress.value;
  return (
    <div class="lora-base">
      {answer.status === "waiting" ? (
        <span role="status">
          <span class="dim">Reading the weights of</span> {name}
          {step !== undefined && (
            <span class="dim number">{` ${formatCount(step.done)} of ${formatCount(step.total)}`}</span>
          )}
        </span>
      ) : answer.status === "ready" ? (
        <span role="status">
          {answer.value.ratio === undefined ? (
            "No module could be held against "
          ) : (
            <>
              ‖ΔW‖ is <span class="strong number">{formatShare(answer.value.ratio)}</span> of ‖W‖ over{" "}
              {plural(answer.value.modules.length, "module")} of{" "}
            </>
          )}
          {name}
        </span>
      ) : answer.status === "failed" ? (
        <span role="alert">
          <Icon name="error" class="error" label="Error" /> {name}: {safeText(answer.error.message)}
        </span>
      ) : (
        <span>
          <span class="dim">Base model</span> {name}
        </span>
      )}
      {answer.status === "waiting" && <Button onClick={() => ratios.cancel()}>Cancel</Button>}
      {(answer.status === "not asked" || answer.status === "cancelled") && (
        <button type="button" class="link" onClick={() => void ratios.ask()}>
          Compare with its weights
        </button>
      )}
      {answer.status !== "waiting" && choose("Choose another…")}
      {answer.status === "ready" &&
        answer.value.problems.map(({ code, severity, message }) => (
          <span key={code} class="lora-base-problem">
            <Icon name={severity} class={severity} label="Warning" /> {safeText(message)}
          </span>
        ))}
    </div>
  );
}
