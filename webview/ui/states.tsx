import type { ComponentChildren } from "preact";
import { formatCount } from "../../src/core/text/quantities";
import { Button, ProgressRing } from "./controls";
import { Icon } from "./icon";
import { safeText } from "./safeText";

/** Work that takes a moment. It appears late, so that a quick answer makes nothing flash. */
export function Loading({ label }: { readonly label: string }) {
  return (
    <div class="state state-loading" role="status">
      <ProgressRing />
      <p>{label}</p>
    </div>
  );
}

export interface EmptyProps {
  readonly title: string;
  /** What to do next. */
  readonly children?: ComponentChildren | undefined;
}

export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="state">
      <p class="state-title">{title}</p>
      {children}
    </div>
  );
}

export interface ErrorStateProps {
  readonly what: string;
  readonly where?: string | undefined;
  readonly whatToDo?: string | undefined;
  /** Buttons. */
  readonly children?: ComponentChildren | undefined;
}

export function ErrorState({ what, where, whatToDo, children }: ErrorStateProps) {
  return (
    <div class="state state-error" role="alert">
      <p class="state-title">
        <Icon name="error" class="error" label="Error" /> {safeText(what)}
      </p>
      {where !== undefined && <p class="mono wrap">{safeText(where)}</p>}
      {whatToDo !== undefined && <p>{safeText(whatToDo)}</p>}
      {children !== undefined && <div class="button-row">{children}</div>}
    </div>
  );
}

export interface ProgressProps {
  readonly label: string;
  /** Both undefined while nobody knows how much there is to do. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** How `done` and `total` are written; by default as counts. */
  readonly unit?: ((amount: number) => string) | undefined;
  readonly onCancel?: (() => void) | undefined;
}

export function Progress({ label, done, total, unit = formatCount, onCancel }: ProgressProps) {
  const known = done !== undefined && total !== undefined && total > 0;
  return (
    <div class="state state-progress">
      <p role="status">
        {label}
        {known && <span class="dim number">{` ${unit(done)} of ${unit(total)}`}</span>}
      </p>
      <progress aria-label={label} {...(known ? { value: done, max: total } : {})} />
      {onCancel !== undefined && <Button onClick={onCancel}>Cancel</Button>}
    </div>
  );
}

export interface BannerProps {
  readonly tone?: "info" | "warning" | "error" | undefined;
  readonly children: ComponentChildren;
  readonly action?: { readonly label: string; readonly onClick: () => void } | undefined;
  readonly onDismiss?: (() => void) | undefined;
}

/** One line above the content: something to know, and what can be done about it. */
export function Banner({ tone = "info", children, action, onDismiss }: BannerProps) {
  return (
    <div class={`banner banner-${tone}`} role={tone === "info" ? "status" : "alert"}>
      <Icon name={tone} class={tone} />
      <p>{children}</p>
      {action !== undefined && <Button onClick={action.onClick}>{action.label}</Button>}
      {onDismiss !== undefined && (
        <Button look="icon" label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </Button>
      )}
    </div>
  );
}
