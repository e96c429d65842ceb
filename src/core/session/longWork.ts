/** How work on many modules or tensors tells how far it is, and how it is told to stop. */
export interface LongWork {
  /** Says that `done` of `total` are done, and what comes next by its name. */
  readonly report?: (done: number, total: number, label: string) => void;
  readonly signal?: AbortSignal | undefined;
}
