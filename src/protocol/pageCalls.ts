import type { ChunkOf, ParamsOf, ResultOf } from "./channel";

/**
 * Parameters that the extension knows and a page has no say in: which checkpoint or comparison a call is about,
 * how many threads may work on it, and where base models are.
 */
export type HostOwned = "handle" | "threads" | "adapter" | "baseFacts";

type Asked<P> = keyof Omit<P, HostOwned> extends never ? null : Omit<P, HostOwned>;

/** A call of the worker as a page may make it. */
export type PageCall<C, K extends keyof C> = (
  params: Asked<ParamsOf<C, K>>,
  chunk: ChunkOf<C, K>,
) => ResultOf<C, K>;

/** Calls of the worker that a page may make; the extension hands them on. */
export type PageCalls<C, K extends keyof C> = { readonly [M in K]: PageCall<C, M> };
