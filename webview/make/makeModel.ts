import { batch, type Signal, signal } from "@preact/signals";
import type { JobPlan, ModelJob } from "../../src/core/report/jobs/modelJob";
import { type CallProgress, type Channel, isAbortError } from "../../src/protocol/channel";
import type { MakeHostCalls, MakePageCalls, MakePlace, MakeState } from "../../src/protocol/makeSurface";
import { PageModel } from "../shell/pageModel";
import { persisted } from "../shell/persisted";

export type MakeHost = Channel<MakePageCalls, MakeHostCalls>;

/** What the user chose; where not said, what the plan proposes. */
interface MakeChoices {
  readonly job?: ModelJob;
  readonly name?: string;
  readonly folder?: string;
  readonly maxShardBytes: number;
  /** Of a moving average, as it was typed. */
  readonly decay?: string;
}

type Planned =
  | { readonly status: "waiting" }
  | { readonly status: "ready"; readonly plan: JobPlan }
  | { readonly status: "failed"; readonly message: string };

/** What transformers cuts models at. */
const usualShardBytes = 5e9;

/** What the page that makes new models knows, and what was chosen on it. */
export class MakeModel extends PageModel<MakeState> {
  readonly planned: Signal<Planned> = signal({ status: "waiting" });
  /** The last plan: it stays in sight while the next is made. */
  readonly lastPlan: Signal<JobPlan | undefined> = signal(undefined);
  readonly progress: Signal<CallProgress | undefined> = signal(undefined);
  readonly place: Signal<(MakePlace & { readonly path: string }) | undefined> = signal(undefined);
  private readonly kept = persisted<MakeChoices>("make", { maxShardBytes: usualShardBytes });
  private planning: AbortController | undefined;

  constructor(readonly host: MakeHost) {
    super(() => host.call("ready", null));
  }

  get choices(): MakeChoices {
    return this.kept.state.value;
  }

  /** As it stands on the page. */
  get job(): ModelJob | undefined {
    const asked = this.state.value?.job;
    const { job } = this.choices;
    return job !== undefined && job.kind === asked?.kind ? job : asked;
  }

  receive(state: MakeState): void {
    const isFirst = this.state.value === undefined;
    batch(() => {
      this.state.value = state;
      this.progress.value = undefined;
    });
    if (state.status === "choosing" && (isFirst || this.planned.value.status !== "ready")) void this.plan();
  }

  /** Other sources or values: the plan is made anew. */
  changeJob(job: ModelJob): void {
    this.kept.change({ job });
    void this.plan();
  }

  change(part: Partial<Omit<MakeChoices, "job">>): void {
    this.kept.change(part);
  }

  async chooseSource(role: "base" | "adapter" | "snapshot"): Promise<void> {
    const { job } = this;
    if (job === undefined) return;
    const path = await this.host.call("chooseSource", { role, job });
    if (path === undefined) return;
    if ((job.kind === "merge" || job.kind === "intruders") && role === "base")
      this.changeJob({ ...job, base: path });
    else if (job.kind === "merge" || job.kind === "combine")
      this.changeJob({ ...job, adapters: [...job.adapters, { path, weight: 1 }] });
    else if (job.kind === "average")
      this.changeJob({ ...job, snapshots: [...job.snapshots, { path, weight: 1 }] });
  }

  async chooseFolder(folder: string): Promise<void> {
    const chosen = await this.host.call("chooseFolder", { folder });
    if (chosen !== undefined) this.change({ folder: chosen });
  }

  async lookAt(path: string): Promise<void> {
    const place = await this.host.call("place", { path }).catch(() => undefined);
    if (place !== undefined) this.place.value = { ...place, path };
  }

  private async plan(): Promise<void> {
    const { job } = this;
    if (job === undefined) return;
    this.planning?.abort();
    const planning = new AbortController();
    this.planning = planning;
    this.planned.value = { status: "waiting" };
    try {
      const plan = await this.host.call("plan", { job }, planning.signal);
      if (planning.signal.aborted) return;
      batch(() => {
        this.planned.value = { status: "ready", plan };
        this.lastPlan.value = plan;
      });
    } catch (error) {
      if (planning.signal.aborted || isAbortError(error)) return;
      this.planned.value = { status: "failed", message: (error as Error).message };
    }
  }
}
