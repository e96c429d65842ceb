import { statelessOptimizers } from "../optimizer/optimizerKinds";
import { formatCount, formatNumber, plural } from "../text/quantities";
import { isClose, scheduleDoubt } from "./doubts/scheduleDoubt";
import type { BrokenFile, PartRole, ResumeInputs } from "./resumeInputs";
import type { ResumeCheck, ResumeTopic, ResumeVerdict } from "./resumeReport";

/** Ranks and names listed before the rest is counted. */
const maxNamed = 5;

export function checkParameters(inputs: ResumeInputs): ResumeCheck {
  const { model, optimizer, schedulers, name, broken, kind } = inputs;
  const what = "Parameters";
  const failed = brokenCheck(what, broken, "parameters");
  if (failed !== undefined) return failed;
  if (model === undefined || model.tensors.length === 0) {
    const hasState = optimizer !== undefined && optimizer.states.length > 0;
    const others = kind === "folder" ? otherParts(inputs) : [];
    if (!hasState && schedulers.length === 0 && others.length === 0) return withoutParameters(name, kind);
    const half = hasState ? "it is the other half of a checkpoint" : "it is the schedule of a checkpoint";
    const reason =
      others.length === 0
        ? `${name} holds no parameters: ${half}, whose weights are elsewhere.`
        : `${name} holds no parameters: only other parts of a checkpoint are here, ${others.join(", ")}.`;
    return { what, verdict: "missing", reason };
  }
  const are = model.place.includes(" and ") ? "are" : "is";
  const fact = `${model.place} ${are} whole: ${plural(model.tensors.length, "tensor")}.`;
  const base = model.isAdapter ? " The base model must be at hand; it is not part of the checkpoint." : "";
  return {
    what,
    verdict: "ok",
    reason: `${kind === "file" ? inFile(model.place, model.tensors.length) : fact}${base}`,
  };
}

/** The files that a training saves with its weights, where those are not here. */
function otherParts({ optimizer, schedulers, random, progress }: ResumeInputs): readonly string[] {
  const places = [
    optimizer?.place,
    ...schedulers.map(({ place }) => place),
    ...random.places,
    progress?.place,
  ];
  return [...new Set(places.filter((place) => place !== undefined && place !== ""))].slice(
    0,
    maxNamed,
  ) as string[];
}

/** @param name of the file or folder that was asked about */
export function withoutParameters(name: string, kind: ResumeInputs["kind"]): ResumeCheck {
  const why =
    kind === "file" ? "the file is no model known here" : "no weights that are known here lie in the folder";
  const reason = `${name} holds no parameters: ${why}.`;
  return { what: "Parameters", verdict: "missing", reason };
}

function inFile(place: string, tensors: number): string {
  return `${plural(tensors, "tensor")} under ${place}.`;
}

export function checkOptimizerState({
  optimizer,
  broken,
  name,
  kind,
  model,
  progress,
  asked,
}: ResumeInputs): ResumeCheck {
  const what = "Optimizer state";
  const failed = brokenCheck(what, broken, "optimizer");
  if (failed !== undefined) return failed;
  if (optimizer === undefined || optimizer.states.length === 0) {
    const where =
      kind === "file"
        ? `${name} holds no optimizer state`
        : `${model?.place ?? name} holds none, and no file beside it is named as its optimizer state`;
    return { what, verdict: "missing", reason: `${where}: the moments start cold.` };
  }
  const { place, states } = optimizer;
  const count = states.reduce((sum, { parameters }) => sum + parameters.length, 0);
  const names = [...new Set(states.map((state) => state.name))].join(" and ");
  const empty = states.filter(({ emptyState }) => emptyState);
  if (empty.length > 0 && !empty.every(keepsNothing)) {
    const counted = Math.max(0, ...optimizer.steps.map((steps) => steps?.most ?? 0));
    if (count === 0 && counted > 0) {
      const reason = `${place} (${names}) counts step ${formatCount(counted)} and has no moments: it keeps none, as SGD without momentum, or they were not saved.`;
      return { what, verdict: "warning", reason };
    }
    const atStart = progress?.step === 0;
    const isTorchs = empty.some(({ groups }) => groups.some(({ settings }) => settings.has("lr")));
    const orNone = isTorchs ? "" : ", or keeps none, as SGD without momentum";
    const why =
      (progress?.step ?? 0) > 0
        ? `though ${progress?.place} says step ${formatCount(progress?.step ?? 0)}, no gradient reached them, or their state was not saved`
        : "it was saved before the first step, or not gathered";
    const reason = atStart
      ? `${place} (${names}) is empty, as it is before the first step.`
      : `${place} (${names}) has ${plural(count, "parameter")} and no moments: ${why}${orNone}.`;
    return { what, verdict: atStart ? "ok" : "warning", reason };
  }
  // LBFGS keeps what it knows of all parameters with the first.
  const without = states.flatMap(({ name, parameters }) =>
    parameters.filter(({ state }) => state.size === 0 && name !== "LBFGS"),
  ).length;
  const some =
    without === 0 || empty.length > 0
      ? `state of ${plural(count, "parameter")}`
      : `state of ${formatCount(count - without)} of ${plural(count, "parameter")}; ${without === 1 ? "1 has none: it was" : `${formatCount(without)} have none: they were`} not trained, or ${without === 1 ? "its" : "their"} state was not saved`;
  const kept = empty.length > 0 ? keepsNothingText(names) : some;
  if (optimizer.doubt !== undefined && progress?.step !== 0) {
    const reason = `${place}: ${names}, ${kept}; ${optimizer.doubt}.`;
    return { what, verdict: "warning", reason };
  }
  const [own] = states;
  if (asked !== undefined && states.length === 1 && isOtherKind(asked.name, own?.name ?? "")) {
    const reason = `${place}: ${names}, ${kept}, and ${asked.place} asks for ${asked.name}: with these arguments its state does not load, or the training goes on with another optimizer.`;
    return { what, verdict: "warning", reason };
  }
  return { what, verdict: "ok", reason: `${place}: ${names}, ${kept}.` };
}

/** By what the names of the Trainer's settings and those of the optimizers have in common. */
const kinds = [/adafactor/i, /sgd/i, /adagrad/i, /rmsprop/i, /lion/i, /adam/i];

/** Only where both are of a known kind, and the one that is asked for is not Adam's. */
function isOtherKind(asked: string, found: string): boolean {
  const [a, b] = [asked, found].map((name) => kinds.findIndex((kind) => kind.test(name)));
  return a !== undefined && b !== undefined && a >= 0 && b >= 0 && a < kinds.length - 1 && a !== b;
}

function keepsNothingText(names: string): string {
  return statelessOptimizers.has(names)
    ? "which keeps nothing by design"
    : "which keeps nothing without momentum";
}

/** SGD without momentum has no moments to save, and some optimizers have none by design. */
function keepsNothing({
  name,
  groups,
}: {
  name: string;
  groups: readonly { settings: ReadonlyMap<string, unknown> }[];
}) {
  if (statelessOptimizers.has(name)) return true;
  return name === "SGD" && groups.every(({ settings }) => settings.get("momentum") === 0);
}

export function checkSchedule(inputs: ResumeInputs): ResumeCheck {
  const { schedulers, broken, optimizer } = inputs;
  const what = "Schedule";
  const failed = brokenCheck(what, broken, "scheduler");
  if (failed !== undefined) return failed;
  const groups = (optimizer?.states ?? []).flatMap((state) => state.groups);
  const [scheduler] = schedulers;
  const doubt = scheduleDoubt(inputs, groups);
  if (doubt !== undefined) return { what, verdict: "warning", reason: doubt };
  if (scheduler === undefined) {
    const hasRun = groups.some(({ settings }) => settings.has("initial_lr"));
    if (groups.length > 0 && !hasRun) {
      const isTorchs = groups.some(({ settings }) => settings.has("lr"));
      const reason = isTorchs
        ? "None was used, as far as the optimizer's groups tell: they have no initial_lr."
        : "None is saved. Those of Keras and JAX follow from the steps that the optimizer counts.";
      return { what, verdict: "ok", reason };
    }
    const reason = hasRun
      ? "The optimizer ran under a schedule (its groups have initial_lr), and its state is not here."
      : "No scheduler state is here.";
    return { what, verdict: "missing", reason: `${reason} The learning rate starts over, warm-up included.` };
  }
  const rate = groups[0]?.learningRate;
  const own = scheduler.learningRates[0];
  if (schedulers.length === 1 && rate !== undefined && own !== undefined && !isClose(rate, own)) {
    const reason = `${scheduler.place} is at a learning rate of ${formatNumber(own)}, the optimizer at ${formatNumber(rate)}.`;
    return { what, verdict: "warning", reason };
  }
  const at = own === undefined ? "" : `, at a learning rate of ${formatNumber(own)}`;
  return { what, verdict: "ok", reason: `${schedulers.map(({ place }) => place).join(", ")}${at}.` };
}

export function checkRandomState({ random, broken, worldSize, kind }: ResumeInputs): ResumeCheck {
  const what = "Random state";
  const failed = brokenCheck(what, broken, "random");
  if (failed !== undefined) return failed;
  const { ranks, places } = random;
  const of = (verdict: ResumeVerdict, reason: string): ResumeCheck => ({ what, verdict, reason });
  if (ranks.length === 0) {
    return of(
      "missing",
      `No random state is ${kind === "file" ? "in the file" : "here"}: dropout and the order of the data differ.`,
    );
  }
  const highest = Math.max(...ranks) + 1;
  const expected = Math.max(highest, worldSize?.count ?? 0);
  const present = new Set(ranks);
  const absent: number[] = [];
  for (let rank = 0; rank < expected && absent.length <= maxNamed; rank++)
    if (!present.has(rank)) absent.push(rank);
  const known = worldSize === undefined ? "" : ` (${worldSize.place})`;
  if (absent.length > 0) {
    const named = absent.slice(0, maxNamed).join(", ");
    const dots = expected - present.size > maxNamed ? ", …" : "";
    const reason = `${formatCount(present.size)} of ${formatCount(expected)} processes${known}: ${absent.length === 1 ? `rank ${named} is` : `ranks ${named}${dots} are`} missing, whose random numbers differ.`;
    return of("warning", reason);
  }
  if (worldSize !== undefined && highest > worldSize.count) {
    const reason = `States of ${plural(highest, "process", "processes")}, where ${formatCount(worldSize.count)} trained${known}.`;
    return of("warning", reason);
  }
  const who = plural(ranks.length, "process", "processes");
  const proof = worldSize === undefined ? "" : `, as many as trained${known}`;
  const listed = places.length <= 2 ? places.join(", ") : `${places[0]} to ${places.at(-1)}`;
  return of("ok", `${listed}: ${who}${proof}.`);
}

/** Undefined where no scaler is needed and none is there: then there is nothing to tell. */
export function checkScaler({ scaler, precision, broken }: ResumeInputs): ResumeCheck | undefined {
  const what = "Gradient scaler";
  const failed = brokenCheck(what, broken, "scaler");
  if (failed !== undefined) return failed;
  if (scaler !== undefined) {
    if (scaler.scale !== undefined && !(scaler.scale > 0 && Number.isFinite(scaler.scale))) {
      const reason = `${scaler.place} is at a scale of ${formatNumber(scaler.scale)}: no gradient is a number under it, and every step is skipped. Without the file the scale starts over.`;
      return { what, verdict: "error", reason };
    }
    const scale = scaler.scale === undefined ? "" : `, at a scale of ${formatNumber(scaler.scale, 6)}`;
    return { what, verdict: "ok", reason: `${scaler.place}${scale}.` };
  }
  if (precision === undefined) return undefined;
  if (precision.name === "fp16") {
    const reason = `Trained in fp16 (${precision.place}), but no scaler state is here: the loss scale starts over, and the first steps may be skipped.`;
    return { what, verdict: "missing", reason };
  }
  return { what, verdict: "ok", reason: `Not needed: trained in ${precision.name} (${precision.place}).` };
}

export function checkProgress(inputs: ResumeInputs): ResumeCheck {
  const { progress, broken, namedStep, kind, optimizer } = inputs;
  const what = "Progress";
  const failed = brokenCheck(what, broken, "progress");
  if (failed !== undefined) return failed;
  if (progress === undefined && inputs.goesByName === true && namedStep !== undefined) {
    const reason = `The ${kind}'s name says step ${formatCount(namedStep)}, from which scripts on accelerate go on.`;
    return { what, verdict: "ok", reason };
  }
  const [once] = optimizer?.steps.filter((steps) => steps?.once === true) ?? [];
  if (progress === undefined && once !== undefined) {
    const reason = `${optimizer?.place} counts step ${formatCount(once.most)}; epoch and log are not recorded.`;
    return { what, verdict: "ok", reason };
  }
  if (progress === undefined) {
    const named = namedStep === undefined ? "" : ` Only the ${kind}'s name says ${formatCount(namedStep)}.`;
    const counted =
      optimizer === undefined || optimizer.states.length === 0
        ? ""
        : " beside what the optimizer counts itself";
    return { what, verdict: "missing", reason: `Step and epoch are not recorded${counted}.${named}` };
  }
  const { plannedEpochs, maxEpochSteps } = progress;
  const planned = plannedEpochs === undefined ? "" : ` of ${formatNumber(plannedEpochs)}`;
  const facts = [
    ...(progress.step === undefined ? [] : [`step ${formatCount(progress.step)}`]),
    ...(progress.epoch === undefined ? [] : [`epoch ${formatNumber(progress.epoch)}${planned}`]),
    ...(progress.episode === undefined ? [] : [`episode ${formatCount(progress.episode)}`]),
    ...(maxEpochSteps === undefined ? [] : [`at most ${plural(maxEpochSteps, "step")} per epoch`]),
  ];
  const doubts = progress.doubts ?? [];
  const but = doubts.length === 0 ? "" : `, but ${doubts.join("; ")}`;
  return {
    what,
    verdict: doubts.length === 0 ? "ok" : "warning",
    reason: `${progress.place}: ${facts.join(", ")}${but}.`,
  };
}

/** Undefined for a checkpoint of one file. */
export function checkShards({ missingShards, shardCount }: ResumeInputs): ResumeCheck | undefined {
  const what = "Shards";
  const [first] = missingShards;
  if (first !== undefined)
    return { what, verdict: "error", reason: missingShards.slice(0, maxNamed).join(" ") };
  if (shardCount < 2) return undefined;
  return { what, verdict: "ok", reason: `All ${formatCount(shardCount)} shards are here and whole.` };
}

/** That a file of this part cannot be loaded; undefined where all can. */
export function brokenCheck(
  what: ResumeTopic,
  broken: readonly BrokenFile[],
  role: PartRole,
): ResumeCheck | undefined {
  const own = broken.filter((file) => file.role === role);
  const [first] = own;
  if (first === undefined) return undefined;
  const more =
    own.length > 1 ? ` So ${own.length === 2 ? "is" : "are"} ${formatCount(own.length - 1)} more.` : "";
  const verdict = own.every(({ isBeyondLimit }) => isBeyondLimit === true) ? "unknown" : "error";
  return { what, verdict, reason: `${first.name} ${first.reason}${more}` };
}
