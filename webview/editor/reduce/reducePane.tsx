import { useEffect, useMemo, useState } from "preact/hooks";
import { baseName, isPlainFileName, joinPath } from "../../../src/core/bytes/paths";
import type { LoraView } from "../../../src/core/session/loraView";
import { dtypeBits } from "../../../src/core/tensors/dtype";
import type { WritableDtype } from "../../../src/core/tensors/encode";
import { isFolderFormat } from "../../../src/core/transform/outputNames";
import { reductionPlace } from "../../../src/core/transform/outputPlace";
import { reducibleModules } from "../../../src/core/transform/reducibleModules";
import { planReduction, type ReductionPlan } from "../../../src/core/transform/reductionPlan";
import type { ReductionStart } from "../../../src/protocol/makeCalls";
import { Button, Dropdown, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Empty, ErrorState, Loading, Progress } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { Field, ReduceForm } from "./reduceForm";
import { optionsOf } from "./reduceModel";
import { ReducePreview } from "./reducePreview";
import { ReduceResult } from "./reduceResult";

export interface ReducePaneProps {
  readonly model: EditorModel;
  readonly view: LoraView;
}

/** Chooses lower ranks for the adapter, shows what they would do, and writes it as a new snapshot. */
export function ReducePane({ model, view }: ReducePaneProps) {
  const { reduce } = model.lora;
  const start = reduce.start.answer.value;
  useEffect(() => reduce.start.ensureLoaded(), [start.status]);
  return (
    <section class="reduce" aria-label="Reduce rank">
      <div class="reduce-head">
        <h2 class="strong">Reduce rank</h2>
        <Button look="icon" label="Back to the modules" onClick={() => reduce.setOpen(false)}>
          <Icon name="close" />
        </Button>
      </div>
      {start.status === "ready" ? (
        <Reduction model={model} view={view} start={start.value} />
      ) : start.status === "failed" ? (
        <ErrorState what="The adapter cannot be reduced." where={start.error.message} />
      ) : (
        <Loading label="Looking at the adapter…" />
      )}
    </section>
  );
}

function Reduction({ model, view, start }: ReducePaneProps & { readonly start: ReductionStart }) {
  const { reduce } = model.lora;
  const reducible = useMemo(() => reducibleModules(view.modules), [view]);
  const problem = start.problem ?? reducible.problem;
  const viewState = reduce.viewState.value;
  const plan = useMemo(
    () => planReduction(reducible.modules, optionsOf(viewState, reducible), bytesPerValue(viewState.dtype)),
    [reducible, viewState],
  );
  const writing = reduce.writing.answer.value;
  if (problem !== undefined) return <Empty title={safeText(problem)} />;
  if (writing.status === "ready" && writing.value !== undefined) {
    return <ReduceResult reduce={reduce} made={writing.value} />;
  }
  if (writing.status === "waiting") {
    const step = model.lora.reduce.writing.progress.value;
    const label = step === undefined ? "Reducing…" : `Reducing: ${safeText(step.label)}`;
    return (
      <Progress
        label={label}
        done={step?.done}
        total={step?.total}
        onCancel={() => reduce.writing.cancel()}
      />
    );
  }
  return (
    <div class="reduce-body">
      <div class="reduce-controls">
        <ReduceForm reduce={reduce} reducible={reducible} />
        <Output model={model} view={view} start={start} plan={plan} />
        {writing.status === "failed" && (
          <p class="reduce-failure" role="alert">
            <Icon name="error" class="error" label="Error" /> {safeText(writing.error.message)}
          </p>
        )}
      </div>
      <ReducePreview
        reduce={reduce}
        reducible={reducible}
        plan={plan}
        onCopy={(text, what) => model.host.notify("copy", { text, what })}
      />
    </div>
  );
}

function bytesPerValue(dtype: WritableDtype | "source"): number | undefined {
  const bits = dtypeBits.get(dtype);
  return bits === undefined ? undefined : bits / 8;
}

interface OutputProps extends ReducePaneProps {
  readonly start: ReductionStart;
  readonly plan: ReductionPlan;
}

/** What is written, and where. */
function Output({ model, view, start, plan }: OutputProps) {
  const { reduce } = model.lora;
  const viewState = reduce.viewState.value;
  const proposed = reductionPlace(
    start.identity,
    start.format,
    plan.modules.map(({ rank }) => rank),
  );
  const name = (viewState.name ?? proposed.name).trim();
  const folder = viewState.folder ?? proposed.folder;
  const problem = nameProblem(name, !isFolderFormat(start.format));
  const out = joinPath(folder, name);
  const taken = useTaken(model, out, problem === undefined);
  const write = () => {
    const dtype = viewState.dtype === "source" ? undefined : viewState.dtype;
    reduce.reduce({ options: optionsOf(viewState, reducibleModules(view.modules)), out, dtype });
  };
  return (
    <div class="reduce-form">
      <Field label="Dtype">
        {(label) => (
          <Dropdown
            label={label}
            value={viewState.dtype}
            options={dtypeOptions(view)}
            onChange={(dtype) => reduce.change({ dtype: dtype as WritableDtype | "source" })}
          />
        )}
      </Field>
      <Field label={isFolderFormat(start.format) ? "New folder" : "New file"}>
        {(label) => (
          <TextField
            label={label}
            value={viewState.name ?? proposed.name}
            invalid={problem !== undefined}
            describedBy="reduce-name-note"
            onInput={(text) => reduce.change({ name: text === "" ? undefined : text })}
          />
        )}
      </Field>
      <p id="reduce-name-note" class={problem === undefined ? "dim" : "error"}>
        {problem ?? (
          <>
            in <bdi title={safeText(folder)}>{safeText(baseName(folder) || folder)}</bdi>
            {taken ? ", where it is already: you are asked before it is replaced" : ""}.{" "}
            <button type="button" class="link" onClick={() => void reduce.chooseFolder(folder)}>
              Choose another folder…
            </button>
          </>
        )}
      </p>
      <div class="button-row">
        <Button look="primary" disabled={problem !== undefined} onClick={write}>
          {taken ? "Replace adapter…" : "Write adapter"}
        </Button>
      </div>
    </div>
  );
}

function nameProblem(name: string, isFile: boolean): string | undefined {
  if (!isPlainFileName(name)) return "A name without / or \\ is needed.";
  if (name.endsWith(".safetensors") === isFile) return undefined;
  return isFile
    ? "The name of the file must end with .safetensors."
    : "A folder's name cannot end with .safetensors.";
}

function dtypeOptions(view: LoraView) {
  const dtypes = [...new Set(view.modules.map(({ dtype }) => dtype))];
  const source = dtypes.length === 1 ? `As the source (${safeText(dtypes[0] ?? "")})` : "As the source";
  return [
    { value: "source", label: source },
    ...["F32", "BF16", "F16"].map((dtype) => ({ value: dtype, label: dtype })),
  ];
}

/** Each letter that is typed is another path. */
const pauseMs = 200;

/** Whether something is at the path already; false until it is known. */
function useTaken(model: EditorModel, path: string, isValid: boolean): boolean {
  const [taken, setTaken] = useState<{ readonly path: string; readonly taken: boolean } | undefined>();
  useEffect(() => {
    if (!isValid) return;
    const asking = new AbortController();
    const ask = () => {
      model.lora.reduce.isTaken(path, asking.signal).then(
        (answer) => setTaken({ path, taken: answer }),
        // Whoever writes there is told then.
        () => undefined,
      );
    };
    const timer = setTimeout(ask, pauseMs);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [path, isValid]);
  return taken?.path === path && taken.taken;
}
