import { elementCount, type Tensor } from "../tensors/tensor";
import { formatNumber, formatShare } from "../text/quantities";
import { groupBy } from "./groupBy";
import { type LoraModule, storedTensors } from "./loraModule";

/** What an adapter's values are. */
export interface ShareParts {
  readonly modules: readonly LoraModule[];
  readonly saved: readonly Tensor[];
  readonly differences: readonly Tensor[];
  readonly frozen: readonly Tensor[];
  readonly other: readonly Tensor[];
}

/** Below this share of the values nothing need be said of what was saved whole. */
const smallestShare = 0.01;

/** How much of an adapter is no factor, in sentences: what its size and its parameters would not tell. */
export function shareSentences({
  modules,
  saved,
  differences,
  frozen,
  other,
}: ShareParts): readonly string[] {
  const factors = factorValues(modules);
  const total =
    factors + [saved, differences, frozen, other].reduce((sum, tensors) => sum + valuesOf(tensors), 0);
  if (factors === 0 || total === 0) return [];
  const sentences: string[] = [];
  const share = (tensors: readonly Tensor[]) =>
    `${formatNumber(valuesOf(tensors))} of ${formatNumber(total)} values (${formatShare(valuesOf(tensors) / total)})`;
  if (valuesOf(saved) >= smallestShare * total) {
    sentences.push(
      `${share(saved)} are ${namesOf(saved)}, saved whole; ${formatNumber(factors)} are factors.`,
    );
  }
  if (differences.length > 0) {
    const kinds = groupBy(differences, ({ name }) => name.slice(name.lastIndexOf(".") + 1));
    const counts = [...kinds].map(([kind, tensors]) => `${tensors.length} ${kind}`).join(", ");
    sentences.push(
      `Beside the factors, ${share(differences)} are ${differences.length} whole differences (${counts}), which are added to weights and biases as they are: ‖ΔW‖ of the modules does not contain them.`,
    );
  }
  if (frozen.length > 0) {
    sentences.push(
      `${share(frozen)} are copies of base weights that were not trained (${frozen[0]?.name}): loaders ignore or overwrite them.`,
    );
  }
  return sentences;
}

/** Values of all factors and what belongs to them, each tensor once. */
function factorValues(modules: readonly LoraModule[]): number {
  const tensors = new Set<Tensor>();
  for (const module of modules) {
    const { alphaTensor, magnitude, bias, made } = module;
    const own = [...storedTensors(module), ...(made?.shared.values() ?? [])];
    for (const tensor of [...own, alphaTensor, magnitude, bias]) {
      if (tensor !== undefined) tensors.add(tensor);
    }
  }
  return valuesOf([...tensors]);
}

function valuesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** "embed_tokens and lm_head", "embed_tokens, lm_head and 12 more tensors" */
function namesOf(tensors: readonly Tensor[]): string {
  const names = [
    ...new Set(
      tensors.map(({ name }) =>
        name
          .replace(/(?:\.modules_to_save(?:\.[^.]+)?)?\.(?:weight|bias)$/, "")
          // A number alone names nothing: "projector.model.0".
          .replace(/^(?:.*\.)?(?=[^.]*[^.\d][^.]*(?:\.\d+)*$)/, ""),
      ),
    ),
  ];
  if (names.length <= 2) return names.join(" and ");
  return `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}
