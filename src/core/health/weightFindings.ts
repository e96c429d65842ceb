import { isJsonArray } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { absentValues, emptyParameters } from "./absentValues";
import { adapterGaps } from "./adapterGaps";
import { announcedTensors } from "./announcedTensors";
import { bestElsewhere } from "./beside/bestElsewhere";
import { registeredGap } from "./beside/registeredGap";
import { codeInside } from "./codeInside";
import { configFindings } from "./config/configFindings";
import { diffusersShapes } from "./config/diffusersShapes";
import { ggufFindings } from "./config/ggufFindings";
import { partsOfModel } from "./config/partsOfModel";
import { type HealthSubject, isWhole } from "./healthSubject";
import { namedOtherwise } from "./namedOtherwise";
import { namesItsFile } from "./namesItsFile";
import { packedGaps } from "./packed/packedGaps";
import { quantisationSettings } from "./packed/quantisationSettings";
import { doubledPrefix } from "./peft/doubledPrefix";
import { methodShapes } from "./peft/methodShapes";
import { partShapes } from "./peft/partShapes";
import { partsLacking } from "./peft/partsLacking";
import { wholeNumberFactors } from "./peft/wholeNumberFactors";
import { isOfPeft, peftLoading } from "./peftLoading";
import { matchesNothing, peftNames, wrappedNames } from "./peftNames";
import { peftNeeds } from "./peftNeeds";
import { peftTargets } from "./peftTargets";
import { scheduleFree } from "./scheduleFree";
import { secondCopies } from "./secondCopies";
import { servingLimits } from "./servingLimits";
import { slicedFactors } from "./slicedFactors";
import { unmatchedPatterns } from "./unmatchedPatterns";
import { unmergedAdapter } from "./unmergedAdapter";

type Rule = (subject: HealthSubject) => readonly Problem[];

/** The rules that need no further file; each says one cause once. */
const rules: readonly Rule[] = [
  absentValues,
  namedOtherwise,
  secondCopies,
  slicedFactors,
  configFindings,
  diffusersShapes,
  ggufFindings,
  partsOfModel,
  unmatchedPatterns,
  announcedTensors,
  adapterGaps,
  wrappedNames,
  peftNames,
  peftLoading,
  methodShapes,
  partShapes,
  partsLacking,
  wholeNumberFactors,
  peftTargets,
  peftNeeds,
  servingLimits,
  codeInside,
  quantisationSettings,
  packedGaps,
  unmergedAdapter,
  scheduleFree,
  bestElsewhere,
  registeredGap,
  doubledPrefix,
];

/** What is wrong with the weights that are open, by their names, shapes and configuration. */
export function weightFindings(subject: HealthSubject): readonly Problem[] {
  let found = foundIn.get(subject);
  if (found === undefined) {
    found = rules.flatMap((rule) => rule(subject));
    foundIn.set(subject, found);
  }
  return found;
}

/** A summary, its health and whether training can go on all ask; the rules look at every tensor. */
const foundIn = new WeakMap<HealthSubject, readonly Problem[]>();

/** All that is known without opening another file: what reading the weights told, and what the rules say of them. */
export function ownFindings(subject: HealthSubject): readonly Problem[] {
  const found = weightFindings(subject);
  const told = toldByReading(subject, found);
  return [...told, ...found];
}

/** Without what one of the rules says better, and as grave as it is for who loads the file. */
function toldByReading(subject: HealthSubject, found: readonly Problem[]): Problem[] {
  const { checkpoint, adapter, folder } = subject;
  const has = (code: string) => found.some((problem) => problem.code === code);
  const empty = new Set(emptyParameters(subject).map(({ name }) => name));
  const whole = isWhole(subject);
  // A folder of an adapter's settings alone: that there are no weights is told.
  const isBare =
    checkpoint.tensors.length === 0 && checkpoint.problems.some(({ code }) => code === "NoWeights");
  const holdsShards = folder.files.some(
    ({ kind, part }) => kind === "directory" && (part === "weights" || part === "optimizer"),
  );
  const ofAdapter = (adapter?.problems ?? []).flatMap((problem): Problem[] => {
    const { code, tensor } = problem;
    if (tensor !== undefined && empty.has(tensor)) return [];
    if (code === "LoraWithoutFactors" && (has("NoTensors") || has("NoValues") || isBare)) return [];
    if (code === "LoraShapeMismatch" && has("OneRankOnly")) return [];
    if (code === "ScaleNotFinite" && has("PeftRefuses")) return [];
    if (code === "LoraWithoutFactors" && isAdapterAlone(subject)) return [withoutFactors(subject, problem)];
    if (code === "LoraRankMismatch") return [rankMismatch(subject, problem)];
    if (code === "WrappedNames" && matchesNothing(subject)) return [{ ...problem, severity: "error" }];
    // Of a cut file the partner may be what was cut off, which is told already.
    return (code === "LoraUnpaired" || code === "LoraShapeMismatch") && whole
      ? [{ ...problem, severity: "error" }]
      : [problem];
  });
  const ofFile = checkpoint.problems.map((problem): Problem => {
    if (problem.code === "NoWeights" && !holdsShards) return { ...problem, severity: "error" };
    return checkpoint.files.length > 1 ? namesItsFile(problem) : problem;
  });
  return [...ofFile, ...ofAdapter];
}

/** A file that nothing but an adapter is kept in; a merged model may stand beside a configuration that was left over. */
function isAdapterAlone({ checkpoint, folder }: HealthSubject): boolean {
  const config = folder.adapterConfig?.value;
  const targets = config?.get("target_modules");
  const isMeant =
    (config?.get("modules_to_save") ?? null) === null || (isJsonArray(targets) && targets.length > 0);
  return /^adapter(?:_model|s)\b/.test(checkpoint.name) && isMeant && checkpoint.tensors.length > 0;
}

/** Other programs take the rank from the factors; PEFT makes its own by the configuration and fills them in. */
function rankMismatch(subject: HealthSubject, problem: Problem): Problem {
  if (!isOfPeft(subject) || subject.adapterConfig?.peftType !== "LORA") return problem;
  const message = `${problem.message} PEFT fails to load the adapter with this configuration (size mismatch).`;
  return { ...problem, severity: "error", message };
}

function withoutFactors({ checkpoint }: HealthSubject, problem: Problem): Problem {
  const names = checkpoint.tensors.map(({ name }) => name);
  const first = names[0] ?? "";
  const isStripped =
    names.some((name) => /(?<!\.lora)_A\.weight$/.test(name)) &&
    names.some((name) => /(?<!\.lora)_B\.weight$/.test(name));
  const isOfLora = names.every((name) => /\.lora_(?:A|B|embedding_A|embedding_B)\b/.test(name));
  const why = isStripped
    ? ' They look like those of an adapter that was named "lora": PEFT takes that name out of "lora_A" too as it saves.'
    : isOfLora
      ? ' They are those of LoRA, for which peft_type is "LORA".'
      : "";
  const message = `${problem.message} Its names are such as ${first}; loaders match none of them, so that the adapter would load as nothing.${why}`;
  return { ...problem, severity: "error", message };
}
