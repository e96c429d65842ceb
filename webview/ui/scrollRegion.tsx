import type { ComponentChildren } from "preact";

export interface ScrollRegionProps {
  readonly label: string;
  readonly class?: string | undefined;
  readonly children?: ComponentChildren | undefined;
}

/** Content that may be wider than the page. It takes the focus, because what scrolls must do so from the keyboard. */
export function ScrollRegion({ label, children, ...props }: ScrollRegionProps) {
  return (
    <div class={props.class} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}
