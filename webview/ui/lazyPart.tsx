import { type ReadonlySignal, signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Button } from "./controls";
import { ErrorState, Loading } from "./states";

type PartComponent<Props> = (props: Props) => VNode | null;

/** A component whose code lies in a file of its own, which is fetched when it is first wanted. */
export interface LazyPart<Props> {
  /** Undefined until it is there. */
  readonly component: ReadonlySignal<PartComponent<Props> | undefined>;
  /** Why it did not come. */
  readonly failure: ReadonlySignal<Error | undefined>;
  /** Fetches it, where it is neither there nor on its way. Does not throw: `failure` says what went wrong. */
  readonly load: () => Promise<void>;
}

/** A part that is there from the start. */
export function eagerPart<Props>(component: PartComponent<Props>): LazyPart<Props> {
  return { component: signal(component), failure: signal(undefined), load: async () => {} };
}

/** `fetchPart` is an `import()`, by which the build knows where to split the page. */
export function lazyPart<Props>(fetchPart: () => Promise<PartComponent<Props>>): LazyPart<Props> {
  const component = signal<PartComponent<Props> | undefined>(undefined);
  const failure = signal<Error | undefined>(undefined);
  let fetching: Promise<void> | undefined;
  const fetchOnce = async () => {
    failure.value = undefined;
    try {
      const fetched = await fetchPart();
      component.value = fetched;
    } catch (error) {
      failure.value = error as Error;
      fetching = undefined;
    }
  };
  const load = () => {
    fetching ??= fetchOnce();
    return fetching;
  };
  return { component, failure, load };
}

export interface OnceLoadedProps<Props> {
  readonly part: LazyPart<Props>;
  /** Says what is awaited, in place of a sign that work is done. Its size should be that of what comes. */
  readonly waiting?: ComponentChildren;
  readonly children: (component: PartComponent<Props>) => ComponentChildren;
}

/** Shows a part as soon as its code is there. */
export function OnceLoaded<Props>({ part, waiting, children }: OnceLoadedProps<Props>) {
  useEffect(() => void part.load(), [part]);
  const component = part.component.value;
  const failure = part.failure.value;
  if (component !== undefined) return <>{children(component)}</>;
  if (failure === undefined) return <>{waiting ?? <Loading label="Loading…" />}</>;
  return (
    <ErrorState
      what="This part of the page could not be loaded."
      where={failure.message}
      whatToDo="If the extension was updated meanwhile, close this tab and open it again."
    >
      <Button onClick={() => void part.load()}>Try again</Button>
    </ErrorState>
  );
}

/** Fetches parts while the page has nothing else to do, so that they are there when they are wanted. */
export function loadWhenIdle(parts: readonly LazyPart<never>[]): void {
  requestIdleCallback(() => {
    for (const part of parts) void part.load();
  });
}
