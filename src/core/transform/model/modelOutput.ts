/** A tensor of a model that will be written. */
export interface OutputTensor {
  readonly name: string;
  /** A dtype of safetensors. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Its bytes in consecutive pieces, made when they are asked for. */
  pieces(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A small file that is carried over beside the weights. */
export interface CarriedFile {
  readonly name: string;
  readonly path: string;
  /** Its text as the new weights need it; as it is where not said. */
  readonly edit?: (text: string) => string;
}

/** A model that will be written as safetensors. */
export interface ModelOutput {
  readonly tensors: readonly OutputTensor[];
  readonly carried: readonly CarriedFile[];
  /** `__metadata__` of every file; that it is torch's where not said. */
  readonly metadata?: ReadonlyMap<string, string>;
}
