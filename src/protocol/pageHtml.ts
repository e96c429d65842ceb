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
  /** What is shown until the page's script has more to show. */
  readonly start?: PageStart | undefined;
}

export interface PageStart {
  readonly html: string;
  /** All the style that `html` needs. */
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
  // A sheet in the head holds back all that is shown, one in the body what comes after it; a script waits for both.
  const sheet = `<link rel="stylesheet" href="${style}">`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${start === undefined ? sheet : `<style nonce="${nonce}">${start.css}</style>`}
${imports.map((each) => `<link rel="modulepreload" nonce="${nonce}" href="${each}">`).join("\n")}
<title>Checkpoint Explorer</title>
</head>
<body data-page="${page}" data-host-state="${escapeHtml(JSON.stringify(panelState))}">
<div id="root">${start?.html ?? ""}</div>
${start === undefined ? "" : sheet}
<script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

/** For text and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
