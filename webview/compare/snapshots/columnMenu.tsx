import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../ui/icon";

export interface MenuItem {
  readonly label: string;
  readonly disabled?: boolean;
  /** Why it is disabled. */
  readonly title?: string;
  readonly onChoose: () => void;
}

export interface ColumnMenuProps {
  readonly label: string;
  readonly items: readonly MenuItem[];
}

/** A menu behind a button, as the ARIA practices describe it: arrows move, Enter chooses, Escape closes. */
export function ColumnMenu({ label, items }: ColumnMenuProps) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const [viewState, setPlace] = useState({ left: 0, top: 0 });
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);

  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };

  useLayoutEffect(() => {
    if (!open || menu.current === null || button.current === null) return;
    // Fixed to the window: the table that the button is in scrolls and would cut the menu off.
    const anchor = button.current.getBoundingClientRect();
    const { width, height } = menu.current.getBoundingClientRect();
    const left = Math.max(
      4,
      Math.min(anchor.right - width, document.documentElement.clientWidth - width - 4),
    );
    const below = anchor.bottom + height + 4 <= document.documentElement.clientHeight;
    setPlace({ left, top: below ? anchor.bottom + 2 : Math.max(4, anchor.top - height - 2) });
    menu.current.querySelector<HTMLElement>("[role=menuitem]:not([aria-disabled=true])")?.focus();
  }, [open]);

  useEffect(() => {
    if (!open) return;
    const onPointerDown = (event: Event) => {
      const target = event.target as Node;
      if (!menu.current?.contains(target) && !button.current?.contains(target)) close(false);
    };
    const opened = button.current?.getBoundingClientRect();
    // The menu is fixed to the window: it goes when the button that it belongs to moves away from it.
    const onScroll = () => {
      const now = button.current?.getBoundingClientRect();
      if (now?.left !== opened?.left || now?.top !== opened?.top) close(false);
    };
    document.addEventListener("pointerdown", onPointerDown);
    document.addEventListener("scroll", onScroll, true);
    return () => {
      document.removeEventListener("pointerdown", onPointerDown);
      document.removeEventListener("scroll", onScroll, true);
    };
  }, [open]);

  const onKeyDown = (event: KeyboardEvent) => {
    const entries = [...(menu.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const last = entries.length - 1;
    if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(false);
    else if (event.key === "ArrowDown") entries[at >= last ? 0 : at + 1]?.focus();
    else if (event.key === "ArrowUp") entries[at <= 0 ? last : at - 1]?.focus();
    else if (event.key === "Home") entries[0]?.focus();
    else if (event.key === "End") entries[last]?.focus();
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div
          ref={menu}
          id={id}
          class="menu"
          role="menu"
          aria-label={label}
          tabIndex={-1}
          style={{ left: `${viewState.left}px`, top: `${viewState.top}px` }}
          onKeyDown={onKeyDown}
        >
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-disabled={item.disabled === true}
              title={item.title}
              onClick={() => {
                if (item.disabled === true) return;
                close(true);
                item.onChoose();
              }}
            >
              {item.label}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
