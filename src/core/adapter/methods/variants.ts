import type { AdapterConfig } from "../adapterConfig";
import { isExpertOrderUntold } from "../expertColumns";
import type { LoraModule } from "../loraModule";

/** A change of plain LoRA that keeps `peft_type: LORA`: what it means for the numbers and for merging. */
export interface LoraVariant {
  readonly id: string;
  readonly name: string;
  readonly update: string;
  /** The field of adapter_config.json, or the tensor, that gives it away. */
  readonly toldBy: string;
  readonly isOf: (config: AdapterConfig | undefined, modules: readonly LoraModule[]) => boolean;
  /** What is said of an adapter of this kind; absent where nothing needs to be said. */
  readonly remark?: string;
  /** The code of the problem that says it, where it has one of its own, and how grave it is. */
  readonly code?: string;
  readonly severity?: "warning" | "info";
}

/** Whether the file or its configuration speaks of DoRA's magnitudes. */
export function isDora(config: AdapterConfig | undefined, modules: readonly LoraModule[]): boolean {
  return config?.useDora === true || modules.some(({ magnitude }) => magnitude !== undefined);
}

const hasLayout = (layout: LoraModule["layout"]) => (_: unknown, modules: readonly LoraModule[]) =>
  modules.some((module) => module.layout === layout);

export const loraVariants: readonly LoraVariant[] = [
  {
    id: "rslora",
    name: "rsLoRA",
    update: "s = alpha / √r",
    toldBy: "use_rslora",
    isOf: (config) => config?.useRslora === true,
  },
  {
    id: "dora",
    name: "DoRA",
    update: "W' = m·(W + ΔW) / ‖W + ΔW‖",
    toldBy: "use_dora, lora_magnitude_vector, dora_scale, magnitude, m",
    isOf: (_, modules) => modules.some(({ magnitude }) => magnitude !== undefined),
    code: "LoraDora",
    remark:
      "DoRA rescales each output after adding the update; the numbers are those of the update alone, but for the share of ‖W‖, which is after it.",
  },
  {
    id: "lora-bias",
    name: "LoRA with bias",
    update: "ΔW = s·B·A, Δb = s·b",
    toldBy: "lora_bias, lora_B.bias",
    isOf: (_, modules) => modules.some(({ bias }) => bias !== undefined),
    remark: "B has a bias in some modules: it is added to the output and is not part of ΔW.",
  },
  {
    id: "kasa",
    name: "KaSA",
    update: "ΔW = s·B·diag(d)·A over W without its r smallest directions",
    toldBy: "lora_diag",
    isOf: (_, modules) => modules.some(({ diagonal }) => diagonal?.name.includes("lora_diag") === true),
  },
  {
    id: "qalora",
    name: "QALoRA",
    update: "ΔW[:, j] = s·(B·A)[:, j div g]·(in/g)/g",
    toldBy: "use_qalora, qalora_group_size",
    isOf: hasLayout("pooled"),
    remark:
      "QALoRA averages its inputs by groups: ΔW repeats each column of B·A over its group. PEFT cannot merge it.",
  },
  {
    id: "bdlora",
    name: "BD-LoRA",
    update: "ΔW = s·B·A, one of them block-diagonal",
    toldBy: "use_bdlora",
    isOf: hasLayout("blocks"),
    remark:
      "BD-LoRA keeps one factor of a module as the blocks of a block-diagonal matrix; ΔW is that of the whole matrix.",
  },
  {
    id: "alora",
    name: "aLoRA",
    update: "ΔW = s·B·A after the invocation tokens",
    toldBy: "alora_invocation_tokens",
    isOf: (config) => config?.isActivated === true,
    remark:
      "aLoRA acts only on tokens after its invocation tokens (alora_invocation_tokens): it cannot be merged into a base.",
  },
  {
    id: "merged-linear",
    name: "LoRA of a fused layer",
    update: "one product for each adapted part of the layer's outputs",
    toldBy: "enable_lora, litgpt's attn.qkv",
    isOf: hasLayout("slice"),
    remark:
      "Fused layers have one update for each adapted part of their outputs; each part is a row of its own.",
  },
  {
    id: "experts",
    name: "LoRA of experts",
    update: "ΔW_e = s·B_e·A_e for each expert e",
    toldBy: "target_parameters, experts.base_layer, factors [E, r, in], lora_gate_a",
    isOf: hasLayout("experts"),
  },
  {
    id: "unsloth-experts",
    name: "LoRA of experts by unsloth",
    update: "as above, B's columns in one of two orders",
    toldBy: "target_parameters with unsloth's auto_mapping or base model, without lora_B_layout",
    isOf: isExpertOrderUntold,
    code: "ExpertOrder",
    severity: "warning",
    remark:
      'unsloth trained experts with the columns of lora_B one expert after another until September 2026, and in PEFT\'s order since; this adapter does not say which. PEFT\'s order is shown. If its training was before, "lora_B_layout": "grouped_by_expert" in adapter_config.json says so, and PEFT\'s own merge pairs the experts wrongly.',
  },
  {
    id: "transposed",
    name: "Transposed factors",
    update: "ΔW = s·(A·B)ᵀ",
    toldBy: "A [in, r] and B [r, out] under PEFT's names",
    isOf: hasLayout("transposed"),
    code: "LoraTransposed",
    severity: "warning",
    remark:
      "The factors are stored transposed, A [in, r] and B [r, out]: PEFT cannot load them under these names. They are read the right way here.",
  },
  {
    id: "arrow",
    name: "Arrow",
    update: "ΔW = Σ w_i(x)·s_i·B_i·A_i",
    toldBy: "arrow_config",
    isOf: (config) => config?.isRouted === true,
    remark:
      "Arrow routes each token through several adapters: no single update exists, and it cannot be merged.",
  },
];
