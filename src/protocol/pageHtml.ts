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
}

/** The document of a page. Nothing but our own script and style may run or load, whatever a tensor is called. */
export function pageHtml(options: PageHtmlOptions): string {
  const { page, script, imports, style, source, nonce, panelState } = options;
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source}`,
    `font-src ${source}`,
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
${imports.map((each) => `<link rel="modulepreload" nonce="${nonce}" href="${each}">`).join("\n")}
<title>Checkpoint Explorer</title>
</head>
<body data-page="${page}" data-host-state="${escapeAttribute(JSON.stringify(panelState))}">
<div id="root"></div>
<script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
