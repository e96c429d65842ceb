import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/**
 * Scrolls to where it was before, as soon as enough is there to scroll to: rows may arrive bit by bit. Until then,
 * or until the user takes over, nothing is remembered, since what is there now says nothing.
 * @returns what listens to the scroller's `scroll`
 */
export function useScrollMemory(
  scroller: RefObject<HTMLElement | null>,
  initialScrollTop: number | undefined,
  onScroll: ((scrollTop: number) => void) | undefined,
): () => void {
  const wanted = useRef(initialScrollTop);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null || wanted.current === undefined) return;
    element.scrollTop = wanted.current;
    if (Math.abs(element.scrollTop - wanted.current) <= 1) wanted.current = undefined;
  });

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const giveUp = () => {
      wanted.current = undefined;
    };
    const events = ["wheel", "keydown", "pointerdown"] as const;
    for (const type of events) element.addEventListener(type, giveUp, { passive: true });
    return () => {
      for (const type of events) element.removeEventListener(type, giveUp);
    };
  }, [scroller]);

  return () => {
    if (wanted.current === undefined && scroller.current !== null) onScroll?.(scroller.current.scrollTop);
  };
}
