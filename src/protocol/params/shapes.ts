import type { Handlers, ParamsOf } from "../channel";

/**
 * Takes from a message what belongs there, and nothing else.
 * @param at where in the message, for the error
 * @throws TypeError where something else stands there
 */
export type ParamShape<T> = (value: unknown, at: string) => T;

/** What each call of a surface takes. A call that is missing here does not compile. */
export type Params<C> = { readonly [K in keyof C]-?: ParamShape<ParamsOf<C, K>> };

/**
 * The handlers, behind their parameters' shapes. A page runs beside what a file's author wrote: what it sends is
 * a claim, as every number in a file is.
 */
export function behindShapes<C>(params: Params<C>, handlers: Handlers<C>): Handlers<C> {
  const guarded: { [K in keyof C]?: Handlers<C>[K] } = {};
  for (const method of Object.keys(params) as (keyof C & string)[]) {
    // Async, so that a wrong parameter fails as an answer does.
    guarded[method] = async (sent, signal, tell) =>
      handlers[method](params[method](sent, method), signal, tell);
  }
  return guarded as Handlers<C>;
}

export const nothing: ParamShape<null> = (value, at) => (value === null ? value : fail(at, "nothing"));

export const flag: ParamShape<boolean> = (value, at) =>
  typeof value === "boolean" ? value : fail(at, "true or false");

/** Infinities and NaN cross as well. */
export const number: ParamShape<number> = (value, at) =>
  typeof value === "number" ? value : fail(at, "a number");

/** A count, an index or an id. */
export const whole: ParamShape<number> = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : fail(at, "a whole number");

/** Of a name, a key, or what is copied by itself. */
const maxTextLength = 1_000_000;
/** Windows takes 32,767, Linux 4,096. */
const maxPathLength = 32_767;

export function textUpTo(maxLength: number): ParamShape<string> {
  return (value, at) =>
    typeof value === "string" && value.length <= maxLength
      ? value
      : fail(at, `a text of at most ${maxLength}`);
}

export const shortText = textUpTo(maxTextLength);

export const path: ParamShape<string> = (value, at) =>
  typeof value === "string" && value !== "" && value.length <= maxPathLength && !value.includes("\0")
    ? value
    : fail(at, "a path");

export function bytesUpTo(maxLength: number): ParamShape<Uint8Array> {
  return (value, at) =>
    value instanceof Uint8Array && value.length <= maxLength ? value : fail(at, `at most ${maxLength} bytes`);
}

export function oneOf<const T extends string | true>(...allowed: readonly T[]): ParamShape<T> {
  return (value, at) => allowed.find((each) => each === value) ?? fail(at, `one of ${allowed.join(", ")}`);
}

/** May be left out. */
export function maybe<T>(shape: ParamShape<T>): ParamShape<T | undefined> {
  return (value, at) => (value === undefined ? undefined : shape(value, at));
}

export function list<T>(shape: ParamShape<T>, maxLength: number): ParamShape<readonly T[]> {
  return (value, at) =>
    Array.isArray(value) && value.length <= maxLength
      ? Array.from(value, (each: unknown, index) => shape(each, `${at}[${index}]`))
      : fail(at, `a list of at most ${maxLength}`);
}

/** By names that the sender chose. */
export function record<T>(shape: ParamShape<T>, maxSize: number): ParamShape<Readonly<Record<string, T>>> {
  return (value, at) => {
    const entries = Object.entries(objectAt(value, at));
    if (entries.length > maxSize) fail(at, `an object of at most ${maxSize} names`);
    return Object.fromEntries(
      entries.map(([name, each]) => [shortText(name, at), shape(each, `${at} "${name.slice(0, 80)}"`)]),
    );
  };
}

type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? ParamShape<T[K] | undefined>
    : ParamShape<T[K]>;
};

/**
 * An object of just these; others that were sent stay behind. What they are is told by the call alone (`NoInfer`), so
 * that a field that may be left out cannot be forgotten here and stay behind without a word.
 */
export function fields<T extends object>(shapes: NoInfer<Fields<T>>): ParamShape<T> {
  const names = Object.keys(shapes) as (keyof T & string)[];
  return (value, at) => {
    const sent = objectAt(value, at);
    const taken: Partial<T> = {};
    for (const name of names) {
      const each = (shapes[name] as ParamShape<T[typeof name] | undefined>)(
        Object.hasOwn(sent, name) ? sent[name] : undefined,
        `${at}.${name}`,
      );
      if (each !== undefined) taken[name] = each;
    }
    return taken as T;
  };
}

/** Objects of several kinds, told apart by `kind`. */
export function kinds<T extends { readonly kind: string }>(
  shapes: {
    readonly [K in T["kind"]]: ParamShape<Extract<T, { readonly kind: K }>>;
  },
): ParamShape<T> {
  return (value, at) => {
    const { kind } = objectAt(value, at);
    if (typeof kind !== "string" || !Object.hasOwn(shapes, kind))
      fail(`${at}.kind`, `one of ${Object.keys(shapes).join(", ")}`);
    return shapes[kind as T["kind"]](value, at);
  };
}

function objectAt(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(at, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function fail(at: string, wanted: string): never {
  throw new TypeError(`What was sent as ${at} is not ${wanted}.`);
}
