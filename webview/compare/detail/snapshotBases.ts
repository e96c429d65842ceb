import type { BaseComparison } from "../../../src/core/base/compareWithBase";
import type { IntruderReport } from "../../../src/core/update/intruders";
import { OnDemand } from "../../editor/onDemand";
import type { CompareHost } from "../compareModel";

/** What is asked about a snapshot and the weights that its update is added to. */
export class SnapshotBase {
  /** Path of the base model, where it is known. */
  readonly base: OnDemand<string | undefined>;
  readonly ratios: OnDemand<BaseComparison>;
  private readonly intruders = new Map<string, OnDemand<IntruderReport>>();

  constructor(
    private readonly host: CompareHost,
    private readonly path: string,
  ) {
    this.base = new OnDemand((wanted) => host.call("baseModel", { path }, wanted));
    this.ratios = new OnDemand((...wanted) =>
      host.call("compareWithBase", { path, base: this.basePath ?? "" }, ...wanted),
    );
  }

  /** Undefined while it is not known. */
  get basePath(): string | undefined {
    const answer = this.base.answer.value;
    return answer.status === "ready" ? answer.value : undefined;
  }

  intrudersOf(module: string): OnDemand<IntruderReport> {
    const known = this.intruders.get(module);
    if (known !== undefined) return known;
    const { host, path } = this;
    const asked = new OnDemand((wanted) =>
      host.call("intruders", { path, base: this.basePath ?? "", module }, wanted),
    );
    this.intruders.set(module, asked);
    return asked;
  }

  async chooseBase(): Promise<void> {
    const chosen = await this.host.call("chooseBaseModel", { path: this.path });
    if (chosen === undefined) return;
    this.cancel();
    this.intruders.clear();
    this.ratios.invalidate();
    await this.base.ask();
  }

  cancel(): void {
    for (const asked of [this.ratios, ...this.intruders.values()]) asked.cancel();
  }
}

/** One for each snapshot, by its path, as long as the comparison is the same. */
export class SnapshotBases {
  private readonly known = new Map<string, SnapshotBase>();

  constructor(private readonly host: CompareHost) {}

  of(path: string): SnapshotBase {
    const known = this.known.get(path) ?? new SnapshotBase(this.host, path);
    this.known.set(path, known);
    return known;
  }

  /** The snapshots were read anew: all answers were about others. */
  forget(): void {
    for (const base of this.known.values()) base.cancel();
    this.known.clear();
  }
}
