import { formatCount, formatNumber, plural } from "../text/quantities";
import type { StepStatement } from "./layoutFindings";
import type { ResumeInputs, SchedulerInputs, StepRange } from "./resumeInputs";
import type { ResumeCheck } from "./resumeReport";

const what = "Steps agree";

/** Overflows make the gradient scaler skip steps; more than this share of them would be another reason. */
const maxSkippedShare = 0.05;

/**
 * Whether all that counts steps has counted as many: progress, optimizer, schedule and name. A part copied from
 * another checkpoint, or a save that was interrupted between two files, shows here.
 */
export function checkSteps(inputs: ResumeInputs): ResumeCheck {
  const { progress, namedStep, name, kind, layout, mixedSteps } = inputs;
  if (mixedSteps !== undefined) return { what, verdict: "error", reason: mixedSteps };
  const stated: StepStatement[] = [];
  if (progress?.step !== undefined) stated.push({ who: progress.place, step: progress.step });
  for (const statement of layout?.steps ?? []) {
    if (statement.who !== progress?.place) stated.push(statement);
  }
  if (namedStep !== undefined) stated.push({ who: `the ${kind}'s name`, step: namedStep });
  const optimizers = optimizerStatements(inputs);
  const other = countedOther(inputs, stated, optimizers);
  if (other !== undefined) return other;
  const reference = stated[0]?.step ?? optimizers[0]?.step;
  if (reference === undefined) {
    return { what, verdict: "unknown", reason: `Nothing in ${name} says how many steps were made.` };
  }
  const agreeing: string[] = [];
  const notes: string[] = [];
  const disagreeing: string[] = [];
  const doubts: string[] = [];
  for (const { who, step } of stated) {
    if (step === reference) agreeing.push(who);
    else disagreeing.push(`${who} says ${formatCount(step)}`);
  }
  for (const { who, step } of optimizers) {
    const note = step === reference ? "" : optimizerNote(step, reference, inputs);
    const doubt = note === undefined ? skippedDoubt(step, reference, inputs) : undefined;
    if (doubt !== undefined) doubts.push(`${who} says ${formatCount(step)}: ${doubt}`);
    else if (note === undefined) disagreeing.push(`${who} says ${formatCount(step)}`);
    else agreeing.push(who);
    if (note) notes.push(note);
  }
  for (const scheduler of inputs.schedulers) {
    if (scheduler.step === undefined) continue;
    const note = schedulerNote(scheduler, reference, inputs);
    if (note === "") agreeing.push(scheduler.place);
    else if (note !== undefined) notes.push(note);
    // What lies in one file was saved at one moment, whatever its schedule counts.
    else if (kind === "file" || mayCountEpochs(scheduler, stated, reference))
      doubts.push(ownCount(scheduler));
    else disagreeing.push(`${scheduler.place} says ${formatCount(scheduler.step)}`);
  }
  if (disagreeing.length === 0 && doubts.length > 0) {
    const reason = `${saying(reference, agreeing)}, and ${doubts.join("; ")}.`;
    return { what, verdict: "unknown", reason };
  }
  return told(reference, agreeing, disagreeing, [...notes, ...rangeNotes(inputs)]);
}

/**
 * One file was saved at one moment: frames, batches and rounds of a loop are no steps of an optimizer, and of several
 * optimizers one may make more than another.
 */
function countedOther(
  { progress, kind }: ResumeInputs,
  stated: readonly StepStatement[],
  optimizers: readonly StepStatement[],
): ResumeCheck | undefined {
  const [first] = optimizers;
  // The name of the file says what is said in it.
  const isOne = stated.every(({ step }) => step === stated[0]?.step);
  if (kind !== "file" || first === undefined || !isOne) return undefined;
  const isUneven = optimizers.some(({ step }) => step !== first.step);
  const step = progress?.countsOther === true ? progress.step : undefined;
  if (!isUneven && (step === undefined || step === first.step)) return undefined;
  const made = isUneven
    ? optimizers.map((one) => `${one.who} made ${formatCount(one.step)}`).join(", ")
    : `${optimizers.length > 1 ? "each optimizer" : first.who} made ${formatCount(first.step)}`;
  const counted = stated[0] === undefined ? "" : `${stated[0].who} counts ${formatCount(stated[0].step)}, `;
  const why = isUneven
    ? "optimizers of one training need not step together"
    : "a loop need not make one step of the optimizer each time";
  return { what, verdict: "unknown", reason: `${capitalised(`${counted}${made}`)}: ${why}.` };
}

function told(
  reference: number,
  agreeing: readonly string[],
  disagreeing: readonly string[],
  notes: readonly string[],
): ResumeCheck {
  const more = [...new Set(notes)].map((note) => ` ${note}`).join("");
  const say = saying(reference, agreeing);
  if (disagreeing.length > 0) {
    const reason = `${say}, but ${disagreeing.join(", ")}: parts of different moments lie together.${more}`;
    return { what, verdict: "warning", reason };
  }
  if (agreeing.length < 2) {
    return { what, verdict: "unknown", reason: `${say}; there is nothing to compare it with.${more}` };
  }
  return { what, verdict: "ok", reason: `${say}.${more}` };
}

function saying(reference: number, agreeing: readonly string[]): string {
  const [first = ""] = agreeing;
  const who = agreeing.length > 1 ? `${agreeing.slice(0, -1).join(", ")} and ${agreeing.at(-1)}` : first;
  return `${capitalised(who)} ${agreeing.length > 1 ? "say" : "says"} step ${formatCount(reference)}`;
}

function capitalised(text: string): string {
  return text.startsWith("the ") ? `The ${text.slice(4)}` : text;
}

function optimizerStatements({ optimizer }: ResumeInputs): readonly StepStatement[] {
  if (optimizer === undefined) return [];
  const ranges = optimizer.steps.filter((range): range is StepRange => range !== undefined);
  if (ranges.length === 0) return [];
  const { place } = optimizer;
  if (ranges.length === 1) return [{ who: place, step: (ranges[0] as StepRange).most }];
  return ranges.map(({ most }, at) => ({ who: optimizerName(optimizer, at), step: most }));
}

/** Its place in a file that holds several; of several files its number. */
function optimizerName({ place, states }: NonNullable<ResumeInputs["optimizer"]>, at: number): string {
  const path = states[at]?.path ?? "";
  const isTold = new Set(states.map((state) => state.path)).size === states.length && path !== "";
  return isTold ? path : `optimizer ${at} of ${place}`;
}

/** A few steps fewer, where nothing says in which precision it was trained. */
function skippedDoubt(step: number, reference: number, { precision }: ResumeInputs): string | undefined {
  const skipped = reference - step;
  if (precision !== undefined || skipped <= 0 || skipped > Math.max(8, reference * maxSkippedShare)) {
    return undefined;
  }
  return `${formatCount(skipped)} fewer, as where a gradient scaler skips steps that overflow`;
}

/** Why a count that differs is none the less right; empty where that needs no words, undefined where it is wrong. */
function optimizerNote(step: number, reference: number, inputs: ResumeInputs): string | undefined {
  const { optimizer, scaler, precision } = inputs;
  const isScaled = scaler !== undefined || precision?.name === "fp16";
  const skipped = reference - step;
  if (isScaled && skipped > 0 && skipped <= Math.max(8, reference * maxSkippedShare)) {
    return `The optimizer made ${formatCount(skipped)} fewer: the gradient scaler skips steps that overflow.`;
  }
  const sum = (optimizer?.steps ?? []).reduce((total, range) => total + (range?.most ?? 0), 0);
  const several = (optimizer?.steps.length ?? 0) > 1;
  // Lightning counts the steps of all optimizers together.
  if (several && sum === reference) return "The step counts those of all optimizers together.";
  return undefined;
}

/** Nothing but the optimizer counts steps here, and it has made several for each of the schedule's. */
function mayCountEpochs(
  { step = 0 }: SchedulerInputs,
  stated: readonly StepStatement[],
  reference: number,
): boolean {
  return stated.length === 0 && step > 0 && reference >= 2 * step;
}

function ownCount({ place, step = 0 }: SchedulerInputs): string {
  return `${place} says ${formatCount(step)}: a schedule may count epochs or updates of its own`;
}

function schedulerNote(
  { place, step = 0, countsEvaluations, learningRates }: SchedulerInputs,
  reference: number,
  { progress, optimizer, scaler, precision, worldSize, random }: ResumeInputs,
): string | undefined {
  if (step === reference) return "";
  if (countsEvaluations === true) {
    return `${place} was stepped ${plural(step, "time")}, with each metric that it was given.`;
  }
  const epoch = progress?.epoch;
  if (epoch !== undefined && Math.abs(step - epoch) <= 1) {
    return `The schedule counts epochs: ${formatCount(step)}, at epoch ${formatNumber(epoch)}.`;
  }
  if (step < reference && progress?.loggedRate !== undefined && learningRates[0] === progress.loggedRate) {
    return `The schedule counts ${formatCount(step)}, and gives the learning rate that was logged at step ${formatCount(reference)}: it began anew during the training.`;
  }
  const counted = optimizer?.steps[0]?.most;
  const isScaled = scaler !== undefined || precision?.name === "fp16";
  if (step === counted && isScaled) return "";
  const skipped = reference - step;
  if (counted === undefined && isScaled && skipped > 0 && skipped <= Math.max(8, reference * maxSkippedShare))
    return `The schedule made ${formatCount(skipped)} fewer: with the gradient scaler it is not stepped where a step overflows.`;
  if (reference > 0 && step > reference && step % reference === 0) {
    const times = step / reference;
    if (worldSize !== undefined && worldSize.count !== times) return undefined;
    const here = random.ranks.length;
    const but =
      here > 0 && here !== times ? `; random states of ${plural(here, "process", "processes")} are here` : "";
    return `The schedule counts ${formatCount(step)}, ${formatCount(times)} for each step, as accelerate makes it with ${formatCount(times)} processes${but}.`;
  }
  return undefined;
}

function rangeNotes({ optimizer }: ResumeInputs): string[] {
  const notes: string[] = [];
  for (const range of optimizer?.steps ?? []) {
    if (range === undefined) continue;
    const { least, most, looked, counting } = range;
    if (least !== most) {
      notes.push(
        `Parameters count between ${formatCount(least)} and ${formatCount(most)}: some were frozen for a while.`,
      );
    }
    if (looked < counting) {
      notes.push(`${formatCount(looked)} of ${formatCount(counting)} parameters were looked at.`);
    }
  }
  return notes;
}
