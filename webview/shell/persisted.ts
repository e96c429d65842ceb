import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { loadState, saveState } from "./host";

/** What the user chose, which outlives the page. */
export interface Persisted<T> {
  readonly state: ReadonlySignal<T>;
  change(part: Partial<T>): void;
}

/** Makes whole what some version of the page wrote. */
export type Guard<T> = (saved: Partial<T>) => T;

/** @param guard without one, what is saved stands over `start`. */
export function persisted<T extends object>(
  key: string,
  start: T,
  guard: Guard<T> = (saved) => ({ ...start, ...saved }),
): Persisted<T> {
  const state = signal(guard(loadState<T>(key)));
  return {
    state,
    change: (part) => {
      state.value = { ...state.value, ...part };
      saveState<T>(key, state.value);
    },
  };
}

/** The view state of a whole page, which several models hold. */
export interface PersistedView<T> {
  /** What was saved when the page began. */
  readonly saved: Partial<T>;
  readonly start: T;
  /**
   * Saves it now and whenever a signal that it is made of changes. Call what is returned for what is no signal, as
   * scrolling.
   */
  keep(viewState: () => T): () => void;
}

export function persistedView<T extends object>(key: string, guard: Guard<T>): PersistedView<T> {
  const saved = loadState<T>(key);
  return {
    saved,
    start: guard(saved),
    keep: (viewState) => {
      const save = () => saveState<T>(key, viewState());
      effect(save);
      return save;
    },
  };
}

/** The same as `persisted` for a part of a page. */
export function usePersisted<T extends object>(
  key: string,
  start: T,
  guard?: Guard<T>,
): readonly [state: T, change: (part: Partial<T>) => void] {
  const [{ state, change }] = useState(() => persisted(key, start, guard));
  return [state.value, change];
}
