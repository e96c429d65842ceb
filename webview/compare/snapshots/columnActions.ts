import type { CompareModel } from "../compareModel";

/** A comparison of one is none. */
export const fewestSnapshots = 2;
export const mostSnapshots = 8;

/** What can be done with the snapshot in a column. */
export class ColumnActions {
  constructor(
    private readonly model: CompareModel,
    private readonly paths: readonly string[],
    private readonly at: number,
  ) {}

  get canMoveLeft(): boolean {
    return this.at > 0;
  }

  get canMoveRight(): boolean {
    return this.at < this.paths.length - 1;
  }

  get canRemove(): boolean {
    return this.paths.length > fewestSnapshots;
  }

  moveLeft(): void {
    if (this.canMoveLeft) this.moveTo(this.at - 1);
  }

  moveRight(): void {
    if (this.canMoveRight) this.moveTo(this.at + 1);
  }

  makeFirst(): void {
    this.moveTo(0);
  }

  moveTo(viewState: number): void {
    const path = this.path;
    const rest = this.paths.filter((each) => each !== path);
    if (viewState !== this.at)
      this.model.arrange([...rest.slice(0, viewState), path, ...rest.slice(viewState)]);
  }

  remove(): void {
    if (this.canRemove) this.model.arrange(this.paths.filter((each) => each !== this.path));
  }

  open(): void {
    this.model.host.notify("open", { path: this.path });
  }

  reduceRank(): void {
    this.model.host.notify("reduceRank", { path: this.path });
  }

  setStage(): void {
    this.model.host.notify("setStage", { path: this.path });
  }

  private get path(): string {
    return this.paths[this.at] ?? "";
  }
}
