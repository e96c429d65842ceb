import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

export interface Tab<Id extends string> {
  readonly id: Id;
  readonly title: string;
  /** A number or a word after the title. */
  readonly badge?: string | undefined;
  /** False for a panel whose parts scroll by themselves, and so need no focus of the whole. */
  readonly scrolls?: boolean | undefined;
  /** Colours the badge. */
  readonly badgeTone?: "error" | "warning" | undefined;
}

export interface TabsProps<Id extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Id>[];
  readonly selected: Id;
  readonly onSelect: (tab: Id) => void;
  /** The panel of the selected tab. */
  readonly children: ComponentChildren;
}

/** A tab list as the ARIA practices describe it: one tab stop, arrows choose, the panel follows at once. */
export function Tabs<Id extends string>({ label, tabs, selected, onSelect, children }: TabsProps<Id>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);

  // Not by scrollIntoView: the Tab key would go on from there, past all that stands before it.
  useLayoutEffect(() => {
    const box = list.current?.getBoundingClientRect();
    const tab = list.current?.querySelector(`[data-tab="${selected}"]`)?.getBoundingClientRect();
    if (list.current === null || box === undefined || tab === undefined) return;
    list.current.scrollLeft += Math.max(0, tab.right - box.right) - Math.max(0, box.left - tab.left);
  }, [selected]);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === selected);
    const steps: Partial<Record<string, number>> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const next = tabs[steps[event.key] ?? -1];
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next.id);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };

  return (
    <div class="tabs">
      <div ref={list} class="tab-list" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            class="tab"
            id={`${id}-tab-${tab.id}`}
            data-tab={tab.id}
            aria-selected={tab.id === selected}
            aria-controls={tab.id === selected ? `${id}-panel` : undefined}
            tabIndex={tab.id === selected ? 0 : -1}
            onClick={() => onSelect(tab.id)}
          >
            {tab.title}
            {tab.badge !== undefined && <span class={`badge ${tab.badgeTone ?? ""}`}>{tab.badge}</span>}
          </button>
        ))}
      </div>
      {/* Focusable, so that a panel with nothing to focus in it can be scrolled from the keyboard. */}
      <div
        key={selected}
        class="tab-panel"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-tab-${selected}`}
        tabIndex={tabs.find((tab) => tab.id === selected)?.scrolls === false ? undefined : 0}
      >
        {children}
      </div>
    </div>
  );
}
