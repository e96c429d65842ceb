let known: { readonly font: string; readonly widthPx: number } | undefined;

/** How wide a letter of the editor's font is in tables, in pixels: all of its letters are alike. */
export function letterWidth(): number {
  const font = getComputedStyle(document.documentElement).getPropertyValue("--vscode-editor-font-family");
  if (known?.font === font) return known.widthPx;
  const probe = document.createElement("span");
  probe.className = "mono letter-probe";
  probe.textContent = "0".repeat(100);
  document.body.append(probe);
  const widthPx = probe.getBoundingClientRect().width / 100 || 7.3;
  probe.remove();
  known = { font, widthPx };
  return widthPx;
}
