import type { Method } from "./method";

const rotates = "rotates weights and does not add to them: what that changes needs the base weights";

const repeats =
  "repeats one block along the inputs, whose number stands in the base model, or multiplies blocks of the base weights (bat)";

/** Methods that multiply weights or activations instead of adding to weights. */
export const transformMethods: readonly Method[] = [
  {
    id: "OFT",
    name: "OFT",
    update: "W' = R·W, R block-diagonal and orthogonal",
    trains: "one rotation a block of inputs",
    example: "oft_R.weight",
    names: /\.(?:oft_blocks|oft_diag|oft_R|oft_r|oft_s)\b/,
    whyNotMeasured: rotates,
  },
  {
    id: "BOFT",
    name: "BOFT",
    update: "W' = R₁·…·R_m·W (butterfly)",
    trains: "rotations of blocks, several one after another",
    example: "boft_R",
    names: /\.boft_[RS]\b/i,
    whyNotMeasured: rotates,
  },
  {
    id: "HRA",
    name: "HRA",
    update: "W' = W·H₁·…·H_r (Householder reflections)",
    trains: "r reflections a module",
    example: "hra_u",
    names: /\.hra_u\b/,
    whyNotMeasured: rotates,
  },
  {
    id: "PSOFT",
    name: "PSOFT",
    update: "W' = W_rest + B·R·A",
    trains: "a rotation within the largest directions of the weight",
    example: "psoft_R.weight",
    names: /\.psoft_/,
    whyNotMeasured: rotates,
  },
  {
    id: "ROAD",
    name: "RoAd",
    update: "y' = R·y (2×2 rotations)",
    trains: "an angle and a length a pair of outputs",
    example: "road_theta",
    names: /\.road_(?:theta|alpha)\b/,
    whyNotMeasured:
      "rotates activations and does not add to weights: what that changes needs the base weights",
  },
  {
    id: "IA3",
    name: "IA³",
    update: "y' = l ∘ y",
    trains: "one factor an activation",
    example: "ia3_l",
    names: /\.ia3_l\b|^(?:lora|lycoris)_.*\.on_input$/,
    whyNotMeasured:
      "scales activations and does not add to weights: what that changes needs the base weights",
  },
  {
    id: "HIRA",
    name: "HiRA",
    update: "ΔW = W ∘ (B·A)",
    trains: "two low-rank factors a module",
    example: "hira_A",
    names: /\.hira_[AB]\b/,
    whyNotMeasured: "multiplies its product with the base weights element by element",
  },
  {
    id: "BONE",
    name: "Bone",
    update: "ΔW = blocks of W times the trained block (bat), or the block repeated",
    trains: "one block a module, repeated along its inputs",
    example: "bone_block",
    names: /\.bone_block\b/,
    whyNotMeasured: repeats,
  },
  {
    id: "MISS",
    name: "MiSS",
    update: "ΔW = the block repeated, or blocks of W times it (bat)",
    trains: "one block a module, repeated along its inputs",
    example: "miss_block",
    names: /\.miss_block\b/,
    whyNotMeasured: repeats,
  },
  {
    id: "GLORA",
    name: "GLoRA",
    update: "W' = W + W·A + B",
    trains: "factors that multiply and factors that add",
    example: "glora_A",
    names: /\.glora_|^(?:lora|lycoris)_.*\.(?:a1|b1|bm)\.weight$/,
    whyNotMeasured: "multiplies the base weights and adds to them",
  },
  {
    id: "DELORA",
    name: "DeLoRA",
    update: "ΔW = λ/r·Σ b̂ₖ·âₖ, columns times ‖wⱼ‖",
    trains: "normalised factors and their strength",
    example: "delora_A",
    names: /\.delora_/,
    measuredWhere: "the file has the norms of the base's columns (delora_w_norm)",
  },
  {
    id: "OSF",
    name: "OSF",
    update: "W' = U_high·S·V_high + U_low·S_low·V_low",
    trains: "the smaller singular directions of each weight",
    example: "osf_svd_params.U_low",
    names: /\.osf_svd_params\b/,
    whyNotMeasured: "replaces the smaller singular directions of the weight and does not add a product to it",
  },
];
