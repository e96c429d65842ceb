import type { ComponentChildren } from "preact";

export interface IconButtonProps {
  /** What it does, in words; also the tooltip. */
  readonly label: string;
  readonly title?: string;
  /** For a button that stays pressed. The toolkit's own button does not tell that to a screen reader. */
  readonly pressed?: boolean;
  /** Stays focusable, so that the focus is not lost when a press leads to the end of something. */
  readonly disabled?: boolean;
  readonly class?: string;
  readonly onClick: (button: HTMLButtonElement) => void;
  /** An icon. */
  readonly children: ComponentChildren;
}

/** A small square button of one icon, as high as a row. */
export function IconButton({
  label,
  title,
  pressed,
  disabled = false,
  class: className = "",
  onClick,
  children,
}: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${className}`}
      aria-label={label}
      title={title ?? label}
      aria-pressed={pressed}
      aria-disabled={disabled ? "true" : undefined}
      onClick={(event) => {
        if (!disabled) onClick(event.currentTarget);
      }}
    >
      {children}
    </button>
  );
}
