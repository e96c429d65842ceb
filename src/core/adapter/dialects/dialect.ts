import type { AdapterConfig } from "../adapterConfig";
import type { LoraKey } from "../loraKey";

export type DialectId =
  | "peft"
  | "kohya"
  | "diffusers"
  | "comfyui"
  | "diffsynth"
  | "xlabs"
  | "mlx"
  | "mlx-vlm"
  | "torchtune"
  | "megatron"
  | "litgpt"
  | "sam"
  | "gguf"
  | "lycoris"
  /** Weights kept as factors: their product is the weight itself, not a change of it. */
  | "svd-factors"
  | "control-lora"
  | "unknown";

/** What the names of one module's factors look like, for telling its dialect. */
export interface ModuleNaming
  extends Pick<LoraKey, "grammar" | "module" | "hasWeightSuffix" | "adapterName"> {
  /** The name of the down-projection as the file has it. */
  readonly nameOfA: string;
}

/** One public way to name the tensors of an adapter. */
export interface Dialect {
  readonly id: DialectId;
  /** As people call it. */
  readonly name: string;
  /** Programs that write it. */
  readonly writtenBy: string;
  /** The down- and the up-projection of one module, as a file names them. */
  readonly example: readonly [down: string, up: string];
  /** How the factors lie and where the scale stands, in one sentence. */
  readonly rule: string;
  /** Reads a tensor's name as part of a module; absent where another dialect's grammar reads these names. */
  readonly parseKey?: (name: string) => LoraKey | undefined;
  /** Whether a module of these names follows it; absent where it is not told from names. */
  readonly isOf?: (naming: ModuleNaming, config: AdapterConfig | undefined) => boolean;
  /** How a new adapter is written so that the programs that read this dialect can read it; absent where it is not. */
  readonly writtenAs?: "peft" | "kohya" | "plain" | "kept";
}
