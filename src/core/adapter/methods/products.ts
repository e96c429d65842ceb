import type { Method } from "./method";

/** Methods whose update is a product of two factors, or can be written as one. */
export const productMethods: readonly Method[] = [
  {
    id: "LORA",
    name: "LoRA",
    update: "ΔW = s·B·A",
    trains: "two low-rank factors a module",
    example: "lora_A.weight",
  },
  {
    id: "ADALORA",
    name: "AdaLoRA",
    update: "ΔW = s·B·diag(E)·A",
    trains: "two factors and the values between them, whose number shrinks while it trains",
    example: "lora_E",
  },
  {
    id: "LOHA",
    name: "LoHa",
    update: "ΔW = s·(w1_a·w1_b) ∘ (w2_a·w2_b)",
    trains: "two low-rank products, multiplied element by element",
    example: "hada_w1_a",
    names: /\.hada_[wt]\d/,
    measuredWhere: "its rank, the product of two, is at most 256",
  },
  {
    id: "LOKR",
    name: "LoKr",
    update: "ΔW = s·w1 ⊗ w2",
    trains: "two small matrices whose Kronecker product is the update",
    example: "lokr_w1",
    names: /\.lokr_[wt]\d/,
  },
  {
    id: "SVD",
    name: "SVD-factor",
    update: "W = U·S·Vh",
    trains: "the weight itself, kept as its factors",
    example: "Vh",
    whyNotMerged: "holds weights and not changes of weights",
  },
];
