/** One way to train a model by few values, and what we can do with what it left. */
export interface Method {
  /** PEFT's word for it, e.g. `LORA`; methods of others are given the same kind of word. */
  readonly id: string;
  /** As its authors spell it. */
  readonly name: string;
  /** What it changes, as a formula in the notation of LoRA. */
  readonly update: string;
  /** What its tensors are, as the end of "It trains …". */
  readonly trains: string;
  /** A name of one of its tensors below the module, e.g. `lora_A.weight`. */
  readonly example: string;
  /** Names that give it away where no configuration says it. */
  readonly names?: RegExp;
  /**
   * Why its update is not measured and what is missing for it, as the end of a sentence that begins with its name; absent
   * where ΔW follows from the file. Those are measured and compared, and reduced like LoRA's where their factors are small.
   */
  readonly whyNotMeasured?: string;
  /** Not measured alone, but held against the base's weights it tells how far each of them moves (core/base). */
  readonly isMeasuredOverBase?: true;
  /** What the file must hold or be for its update to be measured, as the end of "Measured where …". */
  readonly measuredWhere?: string;
  /** Why it cannot be merged into a base by adding ΔW, as the end of such a sentence; absent where it can. */
  readonly whyNotMerged?: string;
}

/** Methods whose update has no small factors cannot be merged by us for the same reason. */
export function cannotMerge({ whyNotMerged, whyNotMeasured }: Method): string | undefined {
  return whyNotMerged ?? whyNotMeasured;
}
