import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon";

export interface SectionProps {
  readonly title: string;
  /** Quiet words after the title, such as a count. */
  readonly note?: string | undefined;
  readonly children: ComponentChildren;
  /** Without both of these the section is always open. */
  readonly open?: boolean | undefined;
  readonly onToggle?: ((open: boolean) => void) | undefined;
  readonly class?: string | undefined;
}

/** A titled part of a page that can be folded away. */
export function Section(props: SectionProps) {
  const { title, note, open = true, onToggle } = props;
  const id = useId();
  const noteText = note !== undefined && <span class="section-note">{note}</span>;
  return (
    <section class={`section ${props.class ?? ""}`} aria-labelledby={`${id}-title`}>
      <h2 class="section-title" id={`${id}-title`}>
        {onToggle === undefined ? (
          <>
            {title}
            {noteText}
          </>
        ) : (
          <button type="button" aria-expanded={open} onClick={() => onToggle(!open)}>
            <Icon name={open ? "chevronDown" : "chevronRight"} />
            {title}
            {noteText}
          </button>
        )}
      </h2>
      {open && props.children}
    </section>
  );
}
