import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { type HealthSubject, isOfTransformers, isWhole } from "../healthSubject";
import { architectureOf } from "./modelConfig";

type Part = readonly [what: string, names: RegExp, example: string];

/** What models are made of, as transformers' `modeling_*.py` name it, whichever release wrote the names in front. */
const madeOf: readonly (readonly [architecture: RegExp, parts: readonly Part[]])[] = [
  [
    /^(?:Llava|LlavaNext|LlavaOnevision|VipLlava|Mistral3|Gemma3)ForConditionalGeneration$/,
    [
      ["vision tower", /(?:^|\.)vision_tower\./, "vision_tower.*"],
      ["projector", /(?:^|\.)multi_modal_projector\./, "multi_modal_projector.*"],
      ["language model", /(?:^|\.)language_model\./, "language_model.*"],
    ],
  ],
  [
    /^CLIPModel$/,
    [
      ["projection of texts", /(?:^|\.)text_projection\./, "text_projection.weight"],
      ["projection of images", /(?:^|\.)visual_projection\./, "visual_projection.weight"],
      ["text model", /(?:^|\.)text_model\./, "text_model.*"],
      ["vision model", /(?:^|\.)vision_model\./, "vision_model.*"],
    ],
  ],
  [
    /^WhisperForConditionalGeneration$/,
    [
      ["encoder", /(?:^|\.)encoder\.layers\.\d/, "model.encoder.*"],
      ["decoder", /(?:^|\.)decoder\.layers\.\d/, "model.decoder.*"],
    ],
  ],
];

/** Parts of a model of several that were not saved, and matrices that torch's pruning split in two. */
export function partsOfModel(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  const json = folder.config?.value;
  if (json === undefined || !isOfTransformers(subject) || !isWhole(subject) || json.has("auto_map"))
    return [];
  // One shard need not hold each part.
  if (/-\d+-of-\d+\./.test(checkpoint.name)) return [];
  const architecture = architectureOf(json) ?? "";
  const parts = madeOf.find(([pattern]) => pattern.test(architecture))?.[1] ?? [];
  const lost = parts.filter(([, names]) => !checkpoint.tensors.some(({ name }) => names.test(name)));
  // Names of which none is the architecture's own are told as such.
  const told = lost.length === parts.length ? [] : lost;
  return [
    ...told.map(([what, , example]): Problem => {
      const message = `config.json says ${architecture}, and the weights hold nothing of its ${what} (${example}): it would be initialised at random.`;
      return { severity: "error", code: "PartMissing", message, file: checkpoint.path };
    }),
    ...pruned(checkpoint.tensors).map((problem) => ({ ...problem, file: checkpoint.path })),
  ];
}

/** `torch.nn.utils.prune` keeps `weight_orig` and `weight_mask` until `prune.remove` makes one of them. */
function pruned(tensors: readonly Tensor[]): readonly Problem[] {
  const names = new Set(tensors.map(({ name }) => name));
  const split = tensors.filter(({ name }) => {
    const own = /^(.+)_mask$/.exec(name)?.[1];
    return own !== undefined && names.has(`${own}_orig`) && !names.has(own);
  });
  const own = split[0]?.name.replace(/_mask$/, "");
  if (own === undefined) return [];
  const more = split.length > 1 ? ` and ${split.length - 1} more` : "";
  const message = `${own}${more} ${split.length > 1 ? "are" : "is"} pruned and not made one: the file holds ${own}_orig and ${own}_mask, and loaders find no ${own} and initialise it at random. prune.remove makes it, before saving.`;
  return [{ severity: "error", code: "NamesUnmatched", message, tensor: `${own}_orig` }];
}
