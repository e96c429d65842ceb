import type { FolderFile } from "../checkpoint/folderContext";
import { progressInside } from "../checkpoint/inside/progressInside";
import { lostRegistered, missingRegistered, numberOfRegistered } from "../parts/registered";
import { elementCount } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import type { PartOpener } from "./openedParts";
import type { ProgressInputs, ResumeInputs, SchedulerInputs } from "./resumeInputs";
import { statedProgress } from "./statedProgress";
import { isTorchScheduler, schedulerState, schedulersInside } from "./stateInside";

/** Files of one kind that are opened; a folder of a large cluster has hundreds, all alike. */
export const maxOpened = 8;

/** The generator of torch's CPU, as the Trainer and accelerate name it. */
const cpuStates: ReadonlySet<string> = new Set(["cpu", "torch_manual_seed"]);

/** Of its Mersenne twister; 5,048 before torch 1.6 (CPUGeneratorImplStateLegacy). */
const cpuStateBytes: ReadonlySet<number> = new Set([5056, 5048]);

/**
 * Whether accelerate wrote them. The `step` in its files is none of the training: it counts batches since the epoch
 * began, for the accumulation of gradients (`Accelerator._do_sync`), and stays 0 without one.
 */
export async function openRandomStates(
  entries: readonly FolderFile[],
  opener: PartOpener,
): Promise<{ readonly isAccelerate: boolean; readonly schedulers: readonly SchedulerInputs[] }> {
  let isAccelerate = false;
  let schedulers: readonly SchedulerInputs[] = [];
  for (const { path, name } of entries.slice(0, maxOpened)) {
    const opened = await opener.open(path, name, "random");
    const ofCpu = opened?.tensors.find(({ name: tensor }) => cpuStates.has(tensor));
    if (ofCpu !== undefined && !cpuStateBytes.has(elementCount(ofCpu.shape))) {
      const reason = `holds a random state of torch of ${formatCount(elementCount(ofCpu.shape))} bytes, where torch takes 5,056: it says "RNG state is wrong size" and stops.`;
      opener.broken.push({ name, role: "random", reason, stopsLoader: true });
    }
    if (name.startsWith("random_states_") && opened !== undefined) isAccelerate = true;
    // verl keeps each rank's copy of the schedule with its random state: one is enough.
    if (opened?.content !== undefined && schedulers.length === 0 && !isAccelerate)
      schedulers = schedulersInside(opened.content).map((one) => ({ ...one, place: name }));
  }
  return { isAccelerate, schedulers };
}

/** What a training registers with accelerate for its saves: counts of its own, or a schedule. */
export async function openRegistered(
  entries: readonly FolderFile[],
  opener: PartOpener,
): Promise<Pick<ResumeInputs, "progress" | "schedulers">> {
  const schedulers: SchedulerInputs[] = [];
  let progress: ProgressInputs | undefined;
  const lost = missingRegistered(entries);
  if (lost !== undefined)
    opener.broken.push({ name: lost, role: "progress", reason: lostRegistered, stopsLoader: true });
  for (const { path, name } of entries.filter((file) => isRegistered(file.name)).slice(0, maxOpened)) {
    // `load_state` reads each of them, so that one that is cut ends it.
    const content = (await opener.open(path, name, "progress"))?.content;
    if (content === undefined) continue;
    const scheduler = isTorchScheduler(content.root) ? schedulerState(content.root, name) : undefined;
    if (scheduler !== undefined) schedulers.push(scheduler);
    else progress ??= placedIn(name, statedProgress(await progressInside(content, noNumber), content));
  }
  return { schedulers, progress };
}

function isRegistered(name: string): boolean {
  return numberOfRegistered(name) !== undefined;
}

const noNumber = async () => undefined;

function placedIn(name: string, progress: ProgressInputs | undefined): ProgressInputs | undefined {
  return progress && { ...progress, place: `${progress.place} in ${name}` };
}

/** `rng_state.pth` is that of the only process. */
export function randomRank(name: string): number {
  return Number(/_(\d+)\.\w+$/.exec(name)?.[1] ?? 0);
}
