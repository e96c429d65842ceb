import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface SplitPaneProps {
  readonly main: ComponentChildren;
  /** Undefined leaves all room to `main`. */
  readonly detail: ComponentChildren | undefined;
  readonly detailLabel: string;
  /** Share of the room that the detail takes, 0 to 1. */
  readonly share: number;
  readonly onShare: (share: number) => void;
}

/** Wide enough for a table and a pane beside it; else the pane is below. */
const besideFromPx = 860;
const smallestShare = 0.15;
const largestShare = 0.8;
const keyStep = 0.03;

/** A list and what is known of its selected row, with a bar between them to drag or to move by arrow keys. */
export function SplitPane({ main, detail, detailLabel, share, onShare }: SplitPaneProps) {
  const pane = useRef<HTMLDivElement>(null);
  const [beside, setBeside] = useState(true);

  useLayoutEffect(() => {
    const element = pane.current;
    if (element === null) return;
    const measure = () => setBeside(element.clientWidth >= besideFromPx);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  // Whoever closes the detail has the focus in it, and goes on in the list.
  const isOpen = detail !== undefined;
  const wasOpen = useRef(isOpen);
  useLayoutEffect(() => {
    if (wasOpen.current && !isOpen && document.activeElement === document.body) {
      pane.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
    }
    wasOpen.current = isOpen;
  }, [isOpen]);

  const setShare = (wanted: number) => onShare(Math.min(largestShare, Math.max(smallestShare, wanted)));

  const onPointerMove = (event: PointerEvent) => {
    const element = pane.current;
    if (element === null || !(event.currentTarget as Element).hasPointerCapture(event.pointerId)) return;
    const room = element.getBoundingClientRect();
    setShare(
      beside ? (room.right - event.clientX) / room.width : (room.bottom - event.clientY) / room.height,
    );
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const larger = beside ? "ArrowLeft" : "ArrowUp";
    const smaller = beside ? "ArrowRight" : "ArrowDown";
    if (event.key === larger) setShare(share + keyStep);
    else if (event.key === smaller) setShare(share - keyStep);
    else return;
    event.preventDefault();
  };

  const tracks = `minmax(0, ${1 - share}fr) 1px minmax(0, ${share}fr)`;
  return (
    <div
      ref={pane}
      class={`split-pane ${beside ? "beside" : "below"}`}
      style={
        !isOpen
          ? { gridTemplateColumns: "minmax(0, 1fr)", gridTemplateRows: "minmax(0, 1fr)" }
          : {
              gridTemplateColumns: beside ? tracks : "minmax(0, 1fr)",
              gridTemplateRows: beside ? "minmax(0, 1fr)" : tracks,
            }
      }
    >
      {main}
      {isOpen && (
        <>
          <div
            class="split-bar"
            role="separator"
            aria-label={`Size of ${detailLabel}`}
            aria-orientation={beside ? "vertical" : "horizontal"}
            aria-valuenow={Math.round(share * 100)}
            aria-valuemin={smallestShare * 100}
            aria-valuemax={largestShare * 100}
            tabIndex={0}
            onPointerDown={(event) => (event.currentTarget as Element).setPointerCapture(event.pointerId)}
            onPointerMove={onPointerMove}
            onKeyDown={onKeyDown}
          />
          <section class="split-detail" aria-label={detailLabel}>
            {detail}
          </section>
        </>
      )}
    </div>
  );
}
