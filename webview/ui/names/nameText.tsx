import { safeName } from "../safeText";
import type { NameColumn } from "./nameColumn";

export interface NameTextProps {
  readonly names: NameColumn;
  readonly name: string;
  /** In characters. */
  readonly room: number;
}

/** A name of a list, as far as it fits. The tooltip, a screen reader and the clipboard get all of it. */
export function NameText({ names, name, room }: NameTextProps) {
  const whole = safeName(name);
  const shown = safeName(names.shown(name, room));
  if (shown === whole) {
    return (
      <bdi class="ellipsis" dir="ltr" title={whole}>
        {whole}
      </bdi>
    );
  }
  return (
    <bdi
      class="ellipsis name-text"
      dir="ltr"
      title={whole}
      onCopy={(event) => {
        event.clipboardData?.setData("text/plain", whole);
        event.preventDefault();
      }}
    >
      <span class="visually-hidden">{whole}</span>
      <span class="name-shown" data-shown={shown} aria-hidden="true" />
    </bdi>
  );
}

/** What all names below it begin with. */
export function NamePrefix({ prefix }: { readonly prefix: string }) {
  if (prefix === "") return null;
  const safe = safeName(prefix);
  return (
    <span class="name-prefix mono ellipsis" title={`All names begin with ${safe}`}>
      {safe}
    </span>
  );
}
