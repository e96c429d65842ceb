import { buffer, isLayerWeight, isPacked, type WeightPair, type WeightPairs } from "../base/weightPairs";
import { renameText } from "../names/matchNames";
import { isRenamedInFive } from "../names/savedNames";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { formatNumber, plural } from "../text/quantities";
import { isVocabulary } from "./extractionScope";
import type { ExtractedModule } from "./extractModule";

/** What an extraction left out, and where its last components mean nothing. */
export function extractionProblems(
  pairs: WeightPairs,
  missing: readonly WeightPair[],
  saved: ReadonlySet<Tensor>,
  extracted: readonly ExtractedModule[],
  /** Undefined where a head that is tied to saved embeddings is saved with them. */
  baseTensors: readonly Tensor[] | undefined,
): readonly Problem[] {
  return [
    ...pairs.renames.map(
      (rename): Problem => ({
        severity: "info",
        code: "NamesAligned",
        message: `The fine-tuned model: ${renameText(rename)} The adapter has the names of the base.`,
      }),
    ),
    leftOut(
      "NotExtracted",
      missing.map(({ tuned }) => tuned.name),
      "changed too but are no linear layers",
    ),
    leftOut(
      "Reshaped",
      pairs.reshaped.filter((pair) => !saved.has(pair.tuned)).map(({ tuned }) => tuned.name),
      "have another shape in the other model",
    ),
    leftOut(
      "OnlyInOne",
      [...pairs.onlyInBase, ...pairs.onlyInTuned]
        .filter((tensor) => !saved.has(tensor) && !(baseTensors === undefined && isHead(tensor)))
        .map(({ name }) => name),
      "are in one of the models only",
    ),
    resized(pairs.reshaped.filter((pair) => saved.has(pair.tuned))),
    baseTensors && headOfBase(baseTensors, saved),
    renamedInFive(extracted),
    belowNoise(extracted),
  ].filter((problem) => problem !== undefined);
}

function renamedInFive(extracted: readonly ExtractedModule[]): Problem | undefined {
  const first = extracted.find(({ module }) => isRenamedInFive(module));
  if (first === undefined) return undefined;
  const message = `${first.module} is named as in the file of the base, which PEFT finds with transformers 4. Version 5 gives the modules of this model other names, under which PEFT finds none of these.`;
  return { severity: "warning", code: "NamesOfFile", message };
}

const isHead = ({ name }: Tensor) => /lm_head\.weight$/.test(name);

/** PEFT puts saved embeddings beside the base's, to which a tied head stays tied. */
function headOfBase(baseTensors: readonly Tensor[], saved: ReadonlySet<Tensor>): Problem | undefined {
  const embedding = [...saved].find((tensor) => isVocabulary.test(tensor.name) && !isHead(tensor));
  if (embedding === undefined || baseTensors.some(isHead) || [...saved].some(isHead)) return undefined;
  const message = `${embedding.name} is saved whole, and the file of the base has no lm_head.weight. Where its head is tied to the embeddings, PEFT loads the saved embeddings and leaves the head as the base has it: the result is not the fine-tuned model.`;
  return { severity: "warning", code: "HeadStaysBase", message };
}

function resized(pairs: readonly WeightPair[]): Problem | undefined {
  const [first] = pairs;
  if (first === undefined) return undefined;
  const message = `${first.tuned.name} has ${first.tuned.shape[0]} rows, in the base ${first.base.shape[0]}. It is saved whole: resize the base (resize_token_embeddings) before the adapter is loaded.`;
  return { severity: "warning", code: "ResizeFirst", message };
}

/**
 * Why the difference of two models cannot be an adapter, as the sentence for the user; undefined where it can. What
 * changed and has no place in an adapter makes it another model: it is not left out with a warning.
 * @param changed Linear layers that differ.
 * @param missing Other pairs that differ and are neither decomposed nor saved.
 * @param isWhole Whether everything that changed is asked for, and not linear layers alone.
 */
export function extractionRefusal(
  pairs: WeightPairs,
  changed: readonly WeightPair[],
  missing: readonly WeightPair[],
  saved: ReadonlySet<Tensor>,
  isWhole: boolean,
): string | undefined {
  if (changed.some(({ base }) => pairs.expertsOfBase.has(base)))
    return "The base keeps the experts of a layer in one tensor (transformers 5), the fine-tuned model each by itself. An adapter for such a base changes its fused parameters (target_parameters), which is not written. Take a base that keeps its experts one by one.";
  const unsaved = (tensor: Tensor) => !saved.has(tensor) && !buffer.test(tensor.name);
  const refused = (tensor: Tensor) => unsaved(tensor) && (isWhole || isLayerWeight(tensor));
  const homeless = missing.map(({ tuned }) => tuned).filter(refused);
  if (homeless[0] !== undefined) return refusal(homeless, changeReason(homeless[0]));
  const reshaped = pairs.reshaped.map(({ tuned }) => tuned).filter(refused);
  if (reshaped.length > 0)
    return refusal(reshaped, "of another shape than in the base: no adapter makes one of the other");
  const added = pairs.onlyInTuned.filter(refused);
  if (added.length > 0)
    return refusal(
      added,
      "in the fine-tuned model only: an adapter of the base has no place for what the base lacks",
    );
  const siblings = new Set([...pairs.linear, ...pairs.others].map(({ base }) => kindOf(base.name)));
  const lost = pairs.onlyInBase.filter(
    (tensor) => isLayerWeight(tensor) && siblings.has(kindOf(tensor.name)),
  );
  if (lost.length > 0)
    return refusal(
      lost,
      "in the base only: with an adapter it would still act, which the fine-tuned model lacks",
    );
  return undefined;
}

function changeReason({ name, shape, dtype }: Tensor): string {
  if (isPacked({ dtype }))
    return "no longer what it was, and holds codes of packed weights: convert both models first";
  if (/\bexperts\b/.test(name) && shape.length > 2)
    return "no longer what it was, and holds the experts of a layer in one tensor: an adapter of it (target_parameters) is not written";
  return "no longer what it was, and no linear layer that factors can change nor a module that can be saved whole beside them";
}

function refusal(tensors: readonly Tensor[], reason: string): string {
  const more = tensors.length === 1 ? "" : ` (and ${tensors.length - 1} more)`;
  return `${tensors[0]?.name}${more} is ${reason}. What is left would be another model than the fine-tuned one.`;
}

/** A name without its numbers: equal for the layers of one stack. */
function kindOf(name: string): string {
  return name.replace(/\d+/g, "#");
}

function leftOut(code: string, names: readonly string[], what: string): Problem | undefined {
  if (names.length === 0) return undefined;
  const listed = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  const message = `${plural(names.length, "tensor")} ${what}, and are not in the adapter: ${listed}.`;
  return { severity: "warning", code, message };
}

function belowNoise(extracted: readonly ExtractedModule[]): Problem | undefined {
  const lastValue = ({ singularValues, rank }: ExtractedModule) => singularValues[rank - 1] ?? 0;
  const noisy = extracted.filter((module) => module.noise > lastValue(module));
  const first = noisy[0];
  if (first === undefined) return undefined;
  const numbers = `σ ${formatNumber(lastValue(first), 2)}, noise ${formatNumber(first.noise, 2)}`;
  const message = `In ${noisy.length} of ${plural(extracted.length, "module")} the last components are below the rounding of 16-bit weights (${first.module}: ${numbers}): a lower rank holds all that is known.`;
  return { severity: "warning", code: "BelowNoise", message };
}
