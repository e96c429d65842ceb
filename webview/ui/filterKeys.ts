import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/**
 * Keys of a part of the page that has a filter above a table: Ctrl+F goes to the filter, since the browser's own
 * search would find only the few rows that are in the page, and Down goes from the filter to the rows.
 */
export function useFilterKeys(part: RefObject<HTMLElement | null>, isShown = true): void {
  useEffect(() => {
    const element = part.current;
    if (element === null) return;
    const onKeyDown = (event: KeyboardEvent) => {
      const filter = element.querySelector<HTMLElement>("vscode-text-field");
      const isFind = (event.ctrlKey || event.metaKey) && event.key === "f";
      const isDown = event.key === "ArrowDown" && event.target === filter;
      if (!isFind && !isDown) return;
      event.preventDefault();
      if (isFind) filter?.focus();
      else element.querySelector<HTMLElement>(".data-table")?.focus();
    };
    element.addEventListener("keydown", onKeyDown);
    return () => element.removeEventListener("keydown", onKeyDown);
  }, [part, isShown]);
}
