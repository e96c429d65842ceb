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
