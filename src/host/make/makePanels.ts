import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import type { ModelJob } from "../../core/report/jobs/modelJob";
import type { Run } from "../../core/runs/run";
import { plural } from "../../core/text/quantities";
import type { TargetDialect } from "../../core/transform/dialect/targetModules";
import { pickOne, showInformation } from "../messages";
import { keptPanelState } from "../webviewPage";
import { MakePanel, type MakeServices, makeViewType, titleOf } from "./makePanel";
import { type PickOptions, pickCheckpoint } from "./pickCheckpoint";

/** What PEFT keeps of an intruder. */
const usualScale = 0.75;

/** Opens the plan of a new model, for what a command was called on; asks for what is missing. */
export class MakePanels implements vscode.WebviewPanelSerializer {
  constructor(private readonly services: MakeServices) {}

  /** @param given adapters; the base is that of the first. */
  async merge(given: readonly string[]): Promise<void> {
    const { runs } = this.services;
    const words = adapterWords("Merge which adapter?");
    const asked = given.length > 0 ? given : await pickCheckpoint(runs, words).then(listed);
    const [first] = asked;
    if (first === undefined) return;
    const base = await this.baseOf(first);
    if (base === undefined) return;
    const adapters = asked.map((path) => ({ path, weight: 1 }));
    this.show({ kind: "merge", base, adapters });
  }

  async reduceIntruders(given: string | undefined): Promise<void> {
    const words = adapterWords("Reduce intruder directions of which adapter?");
    const adapter = given ?? (await pickCheckpoint(this.services.runs, words));
    const base = adapter && (await this.baseOf(adapter));
    if (adapter !== undefined && base !== undefined)
      this.show({ kind: "intruders", adapter, base, scale: usualScale });
  }

  /** What is known of an adapter's base, or what the user says. */
  private async baseOf(adapter: string): Promise<string | undefined> {
    const { baseModels, worker } = this.services;
    const baseFacts = baseModels.facts(adapter);
    const known =
      baseFacts.chosen ?? (await worker.call("baseModel", { adapter: { path: adapter }, baseFacts }));
    const base = known ?? (await baseModels.choose(adapter));
    return base && checkpointIdentity(base);
  }

  async convert(given: string | undefined): Promise<void> {
    const words: PickOptions = {
      title: "Save which checkpoint as safetensors?",
      placeHolder: "One in another format",
      exclude: [],
      use: "conversion",
    };
    const source = given ?? (await pickCheckpoint(this.services.runs, words));
    if (source !== undefined) this.show({ kind: "convert", source, only: "model" });
  }

  /** @param given adapters; of one more can be added on the page. */
  async combine(given: readonly string[]): Promise<void> {
    const words = adapterWords("Combine which adapter with others?");
    const paths = given.length > 0 ? given : await pickCheckpoint(this.services.runs, words).then(listed);
    if (paths.length > 0)
      this.show({ kind: "combine", adapters: paths.map((path) => ({ path, weight: 1 })) });
  }

  async convertAdapter(given: string | undefined): Promise<void> {
    const words = adapterWords("Convert which adapter?");
    const source = given ?? (await pickCheckpoint(this.services.runs, words));
    if (source === undefined) return;
    const picked = await pickOne(dialectItems, {
      title: "Convert the adapter for what?",
      placeHolder: "Who will read it",
    });
    if (picked !== undefined) this.show({ kind: "dialect", source, to: picked.to });
  }

  /** @param given checkpoints that were selected; else the last of the run. */
  async average(given: readonly string[], run: Run | undefined): Promise<void> {
    const paths = given.length > 1 ? given : run === undefined ? [] : await pickLast(run);
    if (paths.length < 2) return;
    this.show({ kind: "average", snapshots: paths.map((path) => ({ path, weight: 1 })) });
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const kept = keptPanelState(state);
    // A panel whose job was lost has nothing to plan.
    if (!isJobState(kept)) panel.dispose();
    else new MakePanel(panel, kept.job, this.services);
  }

  private show(job: ModelJob): void {
    const column = vscode.ViewColumn.Active;
    new MakePanel(vscode.window.createWebviewPanel(makeViewType, titleOf(job), column), job, this.services);
  }
}

const dialectItems: readonly {
  readonly label: string;
  readonly description: string;
  readonly to: TargetDialect;
}[] = [
  { label: "PEFT", description: "transformers, vLLM, and most servers", to: "peft" },
  { label: "kohya", description: "sd-scripts, AUTOMATIC1111, ComfyUI", to: "kohya" },
  { label: "diffusers", description: "diffusers pipelines, ComfyUI", to: "diffusers" },
  { label: "MLX", description: "mlx-lm", to: "mlx" },
];

/** The training's own checkpoints, in the order of their steps: the stages before it are other models. */
async function pickLast(run: Run): Promise<readonly string[]> {
  const steps = run.checkpoints.filter(
    ({ step, mainFile, incomplete }) => step !== undefined && mainFile !== undefined && !incomplete,
  );
  if (steps.length < 2) {
    const has = steps.length === 0 ? "no checkpoint with a step" : "only one checkpoint with a step";
    void showInformation(
      `${run.name} has ${has}: an average needs two or more. Select them, and choose Average Checkpoints….`,
    );
    return [];
  }
  const counts = [...new Set([3, 5, 10, steps.length].filter((count) => count <= steps.length))];
  const items = (counts.includes(2) || steps.length > 2 ? [2, ...counts] : counts).map((count) => {
    const last = steps.slice(-count);
    const [from, to] = [last[0]?.step, last.at(-1)?.step];
    const label = count === steps.length ? `All ${count}` : `The last ${count}`;
    return { label, description: `${plural(count, "checkpoint")}, steps ${from} to ${to}`, last };
  });
  const picked = await pickOne(
    items.filter(({ label }, at) => items.findIndex((each) => each.label === label) === at),
    { title: `Average checkpoints of ${run.name}`, placeHolder: "How many of the last?" },
  );
  return (picked?.last ?? []).map(({ path }) => path);
}

function adapterWords(title: string): PickOptions {
  return { title, placeHolder: "An adapter", exclude: [], use: "adapter" };
}

function listed(path: string | undefined): readonly string[] {
  return path === undefined ? [] : [path];
}

function isJobState(value: unknown): value is { readonly job: ModelJob } {
  if (typeof value !== "object" || value === null || !("job" in value)) return false;
  const { job } = value;
  return typeof job === "object" && job !== null && "kind" in job;
}
