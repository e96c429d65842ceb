import { formatBytes, plural } from "../core/text/quantities";
import type { EditorState } from "./editorSurface";
import { escapeHtml } from "./pageHtml";

/** What the page shows as its code (see webview/ui/safeText.ts): with any of it the page is waited for. */
const misleading = /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;

/**
 * What the editor's document begins with, as HTML: the head of the page (webview/editor/editorHeader.tsx) without what
 * can be pressed, and how much there is. It is on the screen before the scripts are, which then put the page in its
 * place. Undefined where there is no checkpoint to tell of.
 */
export function editorStart(state: EditorState): string | undefined {
  if (state.status !== "ready") return undefined;
  const { headline, formatLabel, name, path, tensorCount, tensorBytes } = state.summary;
  const [what = formatLabel, ...facts] = headline;
  if ([what, ...facts, name, path].some((text) => misleading.test(text))) return undefined;
  const folder =
    path.endsWith(name) && path.length > name.length ? path.slice(0, -name.length - 1) || "/" : path;
  const line = (text: string) => `<bdi class="ellipsis" dir="ltr">${escapeHtml(text)}</bdi>`;
  return `<main class="page" aria-busy="true">
<header class="editor-header"><div class="editor-header-main">
<h1 class="headline"><strong>${escapeHtml(what)}</strong>${facts
    .map((fact) => `<span class="headline-fact">${escapeHtml(fact)}</span>`)
    .join("")}</h1>
<p class="editor-path"><span class="editor-name">${line(name)}</span><span class="dim">${line(folder)}</span></p>
</div></header>
<p class="panel-content dim">${plural(tensorCount, "tensor")}, ${formatBytes(tensorBytes)}</p>
</main>`;
}
