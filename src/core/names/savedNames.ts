/**
 * Parts of vision transformers since transformers 5, and as their files still name them (conversion_mapping.py): ViT,
 * ViT-MAE and DINOv2, then Swin and Segformer.
 */
const visionParts: readonly (readonly [RegExp, string])[] = [
  [/\.attention\.q_proj$/, "query"],
  [/\.attention\.k_proj$/, "key"],
  [/\.attention\.v_proj$/, "value"],
];
const otherParts: readonly (readonly [RegExp, string])[] = [
  [/\.attention\.o_proj$/, ".attention.output.dense"],
  [/\.mlp\.fc1$/, ".intermediate.dense"],
  [/\.mlp\.fc2$/, ".output.dense"],
  // Mixtral's router.
  [/\.mlp\.gate$/, ".block_sparse_moe.gate"],
];

/**
 * What a module may be called in a model's file, where transformers loads it under another name: it keeps the names of
 * files as they were when it gives the modules new ones.
 */
export function savedNames(module: string): readonly string[] {
  const own = [
    ...visionParts.flatMap(([part, name]) =>
      part.test(module)
        ? [".attention.attention.", ".attention.self."].map((path) => module.replace(part, path + name))
        : [],
    ),
    ...otherParts.flatMap(([part, name]) => (part.test(module) ? [module.replace(part, name)] : [])),
  ];
  return own.flatMap((name) => [name, name.replace(/(^|\.)layers\.(?=\d+\.)/, "$1encoder.layer.")]);
}

/** Models whose files keep the names from before transformers 4.52 (conversion_mapping.py, "llava" and "llava_next"). */
const likeLlava: ReadonlySet<string | undefined> = new Set([
  ...[
    "llava",
    "llava_next",
    "llava_next_video",
    "llava_onevision",
    "video_llava",
    "vipllava",
    "aria",
    "aya_vision",
  ],
  ...["fuyu", "gemma3", "got_ocr2", "internvl", "mistral3", "mllama", "paligemma", "pp_chart2table"],
]);
const likeQwen2: ReadonlySet<string | undefined> = new Set(["qwen2_vl", "qwen2_5_vl"]);

/** What transformers calls a module of a multimodal model's file since 4.52, and PEFT with it; else as it is. */
export function loadedName(module: string, modelType: string | undefined): string {
  if (likeQwen2.has(modelType))
    return module
      .replace(/^visual(?=\.)/, "model.visual")
      .replace(/^model(?!\.(?:language_model|visual))(?=\.)/, "model.language_model");
  if (!likeLlava.has(modelType)) return module;
  return module
    .replace(/^language_model\.lm_head(?=\.|$)/, "lm_head")
    .replace(/^language_model(?:\.model)?(?=\.)/, "model.language_model")
    .replace(/^(?=(?:vision_tower|image_tower|video_tower|vision_model|multi_modal_projector)\.)/, "model.");
}

const renamedVision = /(?:^|\.)layer\.\d+\.attention\.attention\.(?:query|key|value)$/;

/** Whether transformers 5 gives the module another name than its file has, and older versions do not. */
export function isRenamedInFive(module: string): boolean {
  return renamedVision.test(module);
}
