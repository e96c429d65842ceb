export type PageName = "editor" | "compare" | "run" | "make";

export interface PageHtmlOptions {
  readonly page: PageName;
  /** Addresses of the page's own script, of the files that it imports at once, and of the style sheet. */
  readonly script: string;
  readonly imports: readonly string[];
  readonly style: string;
  /** Where styles and fonts may come from. */
  readonly source: string;
  /** Fresh for each page: only a script with it runs. */
  readonly nonce: string;
  /** Handed to the page as JSON in `data-host-state`. */
  readonly panelState: unknown;
  /** Of a page that begins with something to see before its scripts are there. */
  readonly start?: PageStart | undefined;
}

export interface PageStart {
  /** Undefined where it comes later, as a message `{ start }`, or not at all. */
  readonly html: string | undefined;
  /** All the style that it needs. */
  readonly css: string;
}

/** The document of a page. Nothing but our own script and style may run or load, whatever a tensor is called. */
export function pageHtml(options: PageHtmlOptions): string {
  const { page, script, imports, style, source, nonce, panelState, start } = options;
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source} 'nonce-${nonce}'`,
    `font-src ${source}`,
  ].join("; ");
  // A sheet in the head holds back all that is shown, and a script waits for it.
  const linked = `<link rel="stylesheet" href="${style}">
${imports.map((each) => `<link rel="modulepreload" nonce="${nonce}" href="${each}">`).join("\n")}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${start === undefined ? linked : `<style nonce="${nonce}">${start.css}</style>`}
<title>Checkpoint Explorer</title>
</head>
<body data-page="${page}" data-host-state="${escapeHtml(JSON.stringify(panelState))}">
<div id="root">${start?.html ?? ""}</div>
${
  start === undefined
    ? `<script type="module" nonce="${nonce}" src="${script}"></script>`
    : `<script nonce="${nonce}">${loadingLater(options)}</script>`
}
</body>
</html>`;
}

/**
 * Takes what comes later, unless the page has begun; and asks for style sheet and scripts once the document has loaded,
 * which is soon, for it names nothing else. VS Code keeps a page hidden until then, for 200 ms if its scripts are named.
 */
function loadingLater({ script, imports, style, nonce }: PageHtmlOptions): string {
  const files = JSON.stringify({ script, imports, style, nonce }).replaceAll("<", "\\u003c");
  return `const root = document.getElementById("root");
addEventListener("message", ({ data }) => {
  if (typeof data?.start === "string" && !root.hasChildNodes()) root.innerHTML = data.start;
});
addEventListener("load", () => {
  const { script, imports, style, nonce } = ${files};
  const add = (tag, properties) => document.head.append(Object.assign(document.createElement(tag), properties));
  for (const href of [script, ...imports]) add("link", { rel: "modulepreload", nonce, href });
  const begin = () => add("script", { type: "module", nonce, src: script });
  add("link", { rel: "stylesheet", href: style, onload: begin, onerror: begin });
});`;
}

/** For text and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
