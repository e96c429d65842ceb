import { plural } from "../text/quantities";

/** How one condition of resuming stands. `unknown`: nothing here tells, and nothing speaks against it. */
export type ResumeVerdict = "ok" | "warning" | "error" | "missing" | "unknown";

/** What was looked at, in the order in which people ask. */
export type ResumeTopic =
  | "Parameters"
  | "Moving average"
  | "Optimizer state"
  | "Optimizer fits the parameters"
  | "Schedule"
  | "Random state"
  | "Gradient scaler"
  | "Progress"
  | "Steps agree"
  | "Shards";

export interface ResumeCheck {
  readonly what: ResumeTopic;
  readonly verdict: ResumeVerdict;
  /** Sentences with the numbers that the verdict rests on. */
  readonly reason: string;
}

/**
 * `yes`: everything that was saved is there, whole, and agrees. `finished`: so it is, and all planned steps were
 * made, or a callback ended the training before them. `partly`: training goes on, but not exactly as it would have. `weights-only`: there is nothing to go on from
 * but parameters. `no`: loading fails or goes wrong.
 */
export type ResumeAnswer = "yes" | "partly" | "finished" | "weights-only" | "no" | "unknown";

/** The answer to "can I resume from this?". Plain data. */
export interface ResumeReport {
  readonly answer: ResumeAnswer;
  /** The answer in a sentence or two, beginning with it. */
  readonly sentence: string;
  readonly checks: readonly ResumeCheck[];
}

/** Reasons named in the sentence; the others are in the checks. */
const maxNamedReasons = 3;

/** What each topic's absence costs, for the sentence. */
const losses: Partial<Record<ResumeTopic, string>> = {
  Schedule: "the learning rate starts over",
  "Random state": "dropout and the order of the data differ",
  "Gradient scaler": "the loss scale starts over",
  Progress: "step and log start at 0",
};

/** What stays open where nothing tells. */
const questions: Record<ResumeTopic, string> = {
  Parameters: "whether the parameters are whole",
  "Moving average": "whether the moving average is whole",
  Shards: "whether all shards are here",
  "Optimizer state": "whether the optimizer state is whole",
  "Optimizer fits the parameters": "whether the optimizer fits the parameters",
  Schedule: "how the learning rate goes on",
  "Random state": "whose random state it is",
  "Gradient scaler": "whether gradients were scaled",
  Progress: "how far the training was",
  "Steps agree": "whether the steps agree",
};

/** Where a training stood at the save. */
export interface Standing {
  /** E.g. "step 500". */
  readonly at: string;
  /** E.g. "step 625 of 625", where no planned step was left. */
  readonly finished: string | undefined;
  /** Planned steps were left, and the training had decided not to make them. */
  readonly stoppedEarly?: true;
}

/**
 * Weighs the checks, with where the training stood, as far as that is known.
 * @param unneeded files that cannot be read, and that no loader asks for when it resumes
 */
export function weighChecks(
  checks: readonly ResumeCheck[],
  standing: Standing | undefined,
  unneeded: readonly string[] = [],
): ResumeReport {
  const at = (what: ResumeTopic) => checks.find((check) => check.what === what);
  const parameters = at("Parameters");
  const optimizer = at("Optimizer state");
  if (parameters?.verdict === "missing")
    return { answer: "no", sentence: `No: ${parameters.reason}`, checks };
  const errors = checks.filter(({ verdict }) => verdict === "error");
  const [worst] = errors;
  if (worst !== undefined) {
    const more = errors.length > 1 ? ` And ${plural(errors.length - 1, "other fault")}.` : "";
    return { answer: "no", sentence: `No: ${worst.reason}${more}`, checks };
  }
  if (optimizer?.verdict === "missing") {
    const sentence =
      "Only the weights: the optimizer state is missing. A training can start from them, with cold moments.";
    const { finished } = standing ?? {};
    const lead = finished === undefined ? "" : `Finished: ${finished}. `;
    return { answer: "weights-only", sentence: `${lead}${sentence}`, checks };
  }
  if (parameters?.verdict === "unknown" || optimizer?.verdict === "unknown") {
    const reason = (parameters?.verdict === "unknown" ? parameters : optimizer)?.reason ?? "";
    return { answer: "unknown", sentence: `Not known: ${reason}`, checks };
  }
  return fromLosses(checks, standing, unneeded);
}

function fromLosses(
  checks: readonly ResumeCheck[],
  standing: Partial<Standing> = {},
  unneeded: readonly string[] = [],
): ResumeReport {
  const { at, finished, stoppedEarly = false } = standing;
  const toGoOn = stoppedEarly
    ? ". Resuming goes on against that, and is possible"
    : ", no planned step is left. With a longer plan it can go on";
  const lead =
    finished === undefined ? `Yes${at === undefined ? "" : ` from ${at}`}` : `Finished: ${finished}${toGoOn}`;
  const lacking = checks.filter(({ verdict }) => verdict === "missing" || verdict === "warning");
  if (lacking.length === 0) {
    const open = checks.filter(({ verdict }) => verdict === "unknown").map(({ what }) => questions[what]);
    const doubt = open.length === 0 ? "" : ` Nothing here tells ${open.join(" or ")}.`;
    const [broken] = unneeded;
    const parts =
      broken === undefined
        ? "every part is here and whole"
        : `every part that it needs is here and whole (${broken} cannot be read, and is not needed)`;
    const sentence = `${lead}: ${parts}, and nothing disagrees.${doubt}`;
    return { answer: finished === undefined ? "yes" : "finished", sentence, checks };
  }
  const reasons = lacking.slice(0, maxNamedReasons).map(({ what, verdict }) => {
    if (verdict === "warning") return `${what.toLowerCase()} in doubt`;
    const loss = losses[what];
    return `${what.toLowerCase()} missing${loss === undefined ? "" : `, so that ${loss}`}`;
  });
  const more = lacking.length > reasons.length ? `; and ${lacking.length - reasons.length} more` : "";
  return {
    answer: "partly",
    sentence: `${lead}, but not exactly: ${reasons.join("; ")}${more}.`,
    checks,
  };
}
