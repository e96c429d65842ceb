import { loggedNumber } from "../../../progress/loggedNumber";

/** What one printed line of a training says: how far it was, and numbers by name. */
export interface TrainingLine {
  readonly iteration: Counter | undefined;
  readonly epoch: number | undefined;
  readonly values: readonly (readonly [name: string, value: number])[];
}

interface Counter {
  readonly done: number;
  readonly of: number | undefined;
}

/** A line of a training is short; what is longer is a dump of settings. */
const maxLineLength = 2000;

/** Nobody logs such a number; the expressions below would go over its digits again and again. */
const longNumber = /\d{40}/;

/** Only that there is more than one says something: of thousands, each start of an expression would skip all. */
const manySpaces = /\s{3,}/g;

/** Colours of a terminal, behind the escapeCharacter character. */
const colour = /^\[[0-9;]*m/;
const escapeCharacter = String.fromCharCode(27);

const globalStep = /(?:^|[^\w.])global[_ ]?step\s*[:=]?\s*(\d{1,12})/i;
const iteration =
  /(?:^|[^\w./])(?:(?:step|iter(?:ation)?|num_update)s?\s*[:=#]?\s*\[?\s*(\d{1,12})(?:\s*\/\s*(\d{1,12}))?|batch\s*[:#]?\s*\[?\s*(\d{1,12})\s*\/\s*(\d{1,12}))(?![\w.])/i;
const epochCount =
  /(?:^|[^\w./])(?:(?:epoch|ep)\s*[:=#]?\s*\[?\s*(\d{1,9}(?:\.\d+)?)|(\d{1,9})epoch results:)(?![\w.])/i;
/** `Epoch: [3][ 10/500]` of PyTorch's ImageNet and MMCV, `Train: 3 [10/500` of timm, `[3/25][10/500]` of DCGAN. */
const bracketed =
  /(?:^|(?:^|[^\w])(?:epoch|train):?\s*)\[?\s*(\d{1,9})(?:\s*\/\s*\d{1,9})?\]?\s*\[\s*(\d{1,12})\s*\/\s*(\d{1,12})\b/i;

/** `Epoch 3/10` of Keras and `--> STEP: 5/100` of Coqui: what is measured there stands on lines of its own. */
const placeAlone = /^\W*(?:epoch|step|iter)/i;
/** How such a line begins: Keras' finished bar, Coqui's list. */
const measuredThere = /^\s*(?:(\d+)\/\1 .*(?:\[=|━)|\| > )/;

/** `[valid] loss=…`: what follows was measured there. */
const section = /\[(train|valid|val|eval|test)\]/i;

/**
 * `name: 0.5`, `name=0.5`; `loss 0.5` too, but no other word before a number. A word of prose directly before the
 * name (`best loss: 0.5`) makes it something else.
 */
const pair =
  /(?<=^|[^\w\s.]\s*|\s{2,}|[\d%)\]][a-zA-Z%]{0,3}\s)((?:(?:train(?:ing)?|val(?:id(?:ation)?)?|test|eval(?:uation)?|dev|avg|average|mean|batch|epoch|running|total|[DGQV]) )*[a-z][\w./@()-]{0,80}?)(\s*[:=]\s*|\s+)([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)%?(?=[\s,;|)\]/(]|$)/gi;

const measure =
  /(?:^|[^a-z])(?:loss|acc|accuracy|ppl|perplexity|error|reward|return|score|nll|xent|bleu|wer|cer|map|miou|iou|f1|auc|dice|psnr|fid|rmse|mae|mse|bpc|bpb)(?![a-z])/i;
const bare = /(?:loss|acc|accuracy|ppl|perplexity|lr|acc@\d)$/i;
const evaluation = /^(?:val|valid|validation|eval|test)[_/]/i;

/** Undefined for a line that is none of a training: it has no measure of one. */
export function trainingLine(line: string): TrainingLine | undefined {
  if (line.length > maxLineLength || !/\d/.test(line) || longNumber.test(line)) return undefined;
  const text = line
    .split(escapeCharacter)
    .map((piece, at) => (at === 0 ? piece : piece.replace(colour, "")))
    .join("")
    .replace(manySpaces, "  ")
    .trim();
  if (!measure.test(text) && !placeAlone.test(text)) return undefined;
  const within = bracketed.exec(text);
  const counted = globalStep.exec(text) ?? iteration.exec(text);
  const epochs = epochCount.exec(text);
  const epoch = within?.[1] ?? epochs?.[1] ?? epochs?.[2];
  const done = within?.[2] ?? counted?.[1] ?? counted?.[3];
  const of = within?.[3] ?? counted?.[2] ?? counted?.[4];
  const values = valuesIn(text);
  const isPlace = values.length === 0 && (epoch ?? done) !== undefined && placeAlone.test(text);
  if (!isPlace && !values.some(([name]) => measure.test(name))) return undefined;
  // `Train Epoch: 1 [640/60000 (1%)]` of PyTorch's MNIST counts images.
  const isCounted = done !== undefined && !/^train epoch:/i.test(text);
  return {
    iteration: isCounted ? { done: Number(done), of: of === undefined ? undefined : Number(of) } : undefined,
    epoch: epoch === undefined ? undefined : Number(epoch),
    values,
  };
}

/** Whether a line without a count says something of the moment before it. */
export function isOfLastPlace(line: string, { values }: TrainingLine): boolean {
  return measuredThere.test(line) || values.every(([name]) => evaluation.test(name));
}

function valuesIn(text: string): [string, number][] {
  const pieces = text.split(section);
  const found = new Map<string, number>();
  for (let at = 0; at < pieces.length; at += 2) {
    const of = at === 0 ? "train" : (pieces[at - 1]?.toLowerCase() ?? "");
    for (const [, name = "", separator = "", number] of (pieces[at] ?? "").trim().matchAll(pair)) {
      const value = loggedNumber(number);
      if (value === undefined || (separator.trim() === "" && !bare.test(name)) || counters.test(name))
        continue;
      const told = plainName(name);
      found.set(of === "train" ? told : `${of}_${told}`, value);
    }
  }
  return [...found];
}

const counters =
  /^(?:(?:train|val|eval|test)[_ ])?(?:global[_ ]?step|steps?|iters?|iterations?|epochs?|ep|batch|num_updates?|eta|v_num|total_count)$/i;

/** `Val Loss` is `val_loss`; names that people chose stay as they are. */
function plainName(name: string): string {
  const joined = name.trim().replaceAll(" ", "_");
  const plain = /(?:loss|acc|accuracy|ppl|perplexity|lr)$/i.test(joined) && !/^[A-Z]_|[A-Z]{2}/.test(joined);
  return (plain ? joined.toLowerCase() : joined).replace(/^training_/, "train_").replace(/^LR$/, "lr");
}
