import { safeName } from "../safeText";

/** The end of a name says most (`…self_attn.q_proj.weight`), so this much of it is kept longest. */
const tailLength = 24;
const tailShare = 0.6;
/** Where the head would be a few letters, it would not be worth its ellipsis. */
const shortestCut = 14;
/** The head keeps this much, for a few letters and the ellipsis; one of few letters would leave a gap in it. */
const headRoom = { mostEm: 2.4, emPerLetter: 0.42 };

export interface MiddleEllipsisProps {
  readonly text: string;
  /** The longest tail, in characters. */
  readonly tail?: number | undefined;
  readonly class?: string | undefined;
}

/**
 * One line that loses its middle where there is too little room. The tooltip has all of it. To the eye it is two
 * boxes; a screen reader gets one text, and so does the clipboard.
 */
export function MiddleEllipsis({ text, tail = tailLength, class: className = "" }: MiddleEllipsisProps) {
  const safe = safeName(text);
  const cut = cutOf(safe, tail);
  if (cut === 0) {
    return (
      <bdi class={`ellipsis ${className}`} dir="ltr" title={safe}>
        {safe}
      </bdi>
    );
  }
  return (
    <bdi class={`middle-ellipsis ${className}`} dir="ltr" title={safe} onCopy={copyAsOneLine}>
      <span class="visually-hidden">{safe}</span>
      <span
        class="middle-ellipsis-head"
        style={{ minWidth: `${Math.min(headRoom.mostEm, cut * headRoom.emPerLetter)}em` }}
        aria-hidden="true"
      >
        {safe.slice(0, cut)}
      </span>
      <span class="middle-ellipsis-tail" aria-hidden="true">
        {safe.slice(cut)}
      </span>
    </bdi>
  );
}

/** The browser puts a line break between boxes. A safe text has none of its own. */
function copyAsOneLine(event: ClipboardEvent): void {
  event.clipboardData?.setData("text/plain", String(document.getSelection()).replaceAll("\n", ""));
  event.preventDefault();
}

/** Where the tail begins; 0 where the text is not cut. Never between the two halves of one character. */
function cutOf(text: string, tail: number): number {
  if (text.length < shortestCut) return 0;
  const cut = text.length - Math.min(tail, Math.ceil(text.length * tailShare));
  return /[\udc00-\udfff]/.test(text.charAt(cut)) ? cut + 1 : cut;
}
