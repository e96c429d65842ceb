import type { Checkpoint } from "../checkpoint/checkpoint";
import { isReadingError, type Problem } from "../problem/problem";
import { filesOfTensor } from "../tensors/assembly";
import type { Tensor } from "../tensors/tensor";
import type { ResumeSubject } from "./collectResumeInputs";
import { momentTensors } from "./lookForNotFinite";
import type { PartOpener } from "./openedParts";
import { readAllSteps } from "./readSteps";
import type { ModelInputs, OptimizerInputs, PartRole, ProgressInputs, SchedulerInputs } from "./resumeInputs";
import { statedProgress } from "./statedProgress";
import { schedulersInside } from "./stateInside";

/** Folders whose files were joined when they were opened: what they hold need not be looked for by names. */
const joinedFormats: ReadonlySet<string> = new Set([
  "dcp",
  "dcp-safetensors",
  "fsdp-ranks",
  "orbax",
  "tf-bundle",
]);

export function isJoined({ layout, format }: Checkpoint): boolean {
  return layout !== undefined && joinedFormats.has(format);
}

interface JoinedInputs {
  readonly inputs: ModelInputs;
  readonly shardCount: number;
  readonly optimizer: OptimizerInputs | undefined;
  readonly schedulers: readonly SchedulerInputs[];
  readonly progress: ProgressInputs | undefined;
}

/** What a joined folder holds of a training. Undefined where it holds no parameters, as an optimizer's own folder. */
export async function joinedInputs(
  { opened: { files }, checkpoint, inside, isAdapter }: ResumeSubject,
  opener: PartOpener,
  signal?: AbortSignal,
): Promise<JoinedInputs | undefined> {
  const states = inside?.optimizers ?? [];
  const moments = new Set(
    states.flatMap(({ parameters }) => parameters.flatMap(({ tensors }) => [...tensors.values()])),
  );
  const { content } = checkpoint;
  const isParameter = (tensor: Tensor) => content?.parameters?.has(tensor.name) ?? !moments.has(tensor);
  const tensors = checkpoint.tensors.filter(isParameter);
  for (const problem of checkpoint.problems.filter(isReadingError)) {
    const reason = `is not whole: ${problem.message}`;
    opener.broken.push({ name: checkpoint.name, role: roleOf(problem, checkpoint, moments), reason });
  }
  await opener.rejectNotFinite(checkpoint, tensors, checkpoint.name, "parameters");
  const kept = momentTensors(states);
  const doubt = await opener.rejectNotFinite(checkpoint, kept, checkpoint.name, "optimizer", states);
  return {
    inputs: { place: checkpoint.name, tensors, inModelOrder: false, isAdapter },
    shardCount: 0,
    optimizer:
      states.length === 0
        ? undefined
        : {
            place: "optimizer",
            states,
            steps: await readAllSteps(files, checkpoint, states, inside?.progress, signal),
            doubt,
          },
    schedulers: content === undefined ? [] : schedulersInside(content),
    // What the optimizer counts is held against what the folder says; it does not stand for it.
    progress: statedProgress(inside?.told, content),
  };
}

/** What of the training a missing or cut file takes along. */
function roleOf(
  { file, tensor }: Problem,
  { files, tensors }: Checkpoint,
  moments: ReadonlySet<Tensor>,
): PartRole {
  if (tensor !== undefined) return /^optim(?:izer)?(?:_\d+)?\./.test(tensor) ? "optimizer" : "parameters";
  const index = files.findIndex(({ path }) => path === file);
  const touched = tensors.filter((each) => filesOfTensor(each).includes(index));
  return touched.length > 0 && touched.every((each) => moments.has(each)) ? "optimizer" : "parameters";
}
