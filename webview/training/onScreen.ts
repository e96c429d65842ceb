import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export interface Sight {
  readonly isVisible: boolean;
  /** It is or was in sight. */
  readonly wasSeen: boolean;
}

/** Charts are prepared a little before they are scrolled to. */
const margin = "300px";

/** Whether an element is in sight, or almost. */
export function useOnScreen(element: RefObject<Element | null>): Sight {
  const [sight, setSight] = useState<Sight>({ isVisible: false, wasSeen: false });
  useLayoutEffect(() => {
    if (element.current === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        const isVisible = entries.at(-1)?.isIntersecting === true;
        setSight(({ wasSeen }) => ({ isVisible, wasSeen: wasSeen || isVisible }));
      },
      // The first is for the page's own edge, the second for what scrolls inside it, which the types don't know yet.
      { rootMargin: margin, scrollMargin: margin } as IntersectionObserverInit,
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return sight;
}
