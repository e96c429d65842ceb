import type { FolderFile } from "../checkpoint/folderContext";
import type { ContentFile } from "../checkpoint/summary";
import { type Part, partLabels } from "../parts/parts";

const shownParts: ReadonlySet<Part> = new Set([
  "optimizer",
  "scheduler",
  "rng-state",
  "scaler",
  "training-args",
]);

/** Values of a training that have no part of their own: samplers, registered objects of accelerate. */
const alsoShown = /^(?:sampler|dl_state_dict)(?:_\d+)?\.bin$|^custom_checkpoint_\d+\.pkl$/;

/** Of every rank one file of random states: the first of them say what the others are like. */
const maxParts = 200;

/** DeepSpeed's state beside the weights that the Trainer gathered. */
const deepSpeedState = /^global_step(\d+)$/;

/** Files beside the weights that hold the rest of a training, each opened once, when it is first asked for. */
export class FolderParts<Opened> {
  private readonly opened = new Map<string, Promise<Opened>>();

  constructor(
    private readonly listed: readonly FolderFile[],
    private readonly main: string,
    private readonly open: (path: string, signal?: AbortSignal) => Promise<Opened>,
  ) {}

  /** Those that hold values, in the order of what people look for. */
  files(): readonly FolderFile[] {
    const order = [...shownParts];
    return this.listed
      .filter(({ name, kind, part }) => {
        if (name === this.main) return false;
        if (kind === "directory") return deepSpeedState.test(name);
        return (shownParts.has(part) && !/\.(?:json|yaml)$/.test(name)) || alsoShown.test(name);
      })
      .sort(
        (a, b) =>
          order.indexOf(a.part) - order.indexOf(b.part) ||
          a.name.localeCompare(b.name, "en", { numeric: true }),
      )
      .slice(0, maxParts);
  }

  /** What holds the optimizer: a file, or the newest state of DeepSpeed. */
  optimizer(): FolderFile | undefined {
    const files = this.files();
    const step = ({ name }: FolderFile) => Number(deepSpeedState.exec(name)?.[1] ?? -1);
    return (
      files.find(({ part, kind }) => part === "optimizer" && kind === "file") ??
      files.filter((file) => step(file) >= 0).sort((a, b) => step(b) - step(a))[0]
    );
  }

  /** @throws RangeError for a name that is none of the parts. */
  part(name: string, signal?: AbortSignal): Promise<Opened> {
    const file = this.files().find((each) => each.name === name);
    if (file === undefined) throw new RangeError(`No part ${name}`);
    const known = this.opened.get(name);
    if (known !== undefined) return known;
    const opened = this.open(file.path, signal);
    this.opened.set(name, opened);
    opened.catch(() => this.opened.delete(name));
    return opened;
  }
}

export function contentFile({ name, path, part }: FolderFile): ContentFile {
  return { name, path, label: part === "other" ? "data loader and other objects" : partLabels[part] };
}
