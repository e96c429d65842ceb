import type { Tell } from "../../src/protocol/channel";

/** For handlers that are called by themselves: nobody cancels, and nobody listens. */
export const quietCall: readonly [AbortSignal, Tell<unknown>] = [
  new AbortController().signal,
  { progress: () => {}, chunk: () => {} },
];
