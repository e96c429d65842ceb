import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import type { Browser, BrowserContext, Locator, Page, Route } from "playwright-core";
import { inject } from "vitest";
import { type PageName, pageHtml } from "../../../src/protocol/pageHtml";
import { projectRoot, resultsFolder } from "../projectRoot";
import { type AccessibilityFinding, findAccessibilityProblems } from "./accessibility";
import { connectToBrowser } from "./launchBrowser";
import { type CapturedTheme, type ThemeName, themeNames } from "./themes";

export interface WebviewPageOptions {
  readonly page: PageName;
  readonly theme?: ThemeName;
  readonly viewport?: { readonly width: number; readonly height: number };
  /**
   * A TypeScript file that sets `window.__fakeHost = { attach(send) { return receive } }`: `send` delivers a
   * message to the page, `receive` gets what the page posts. By default test/webview/fakeHost/fakeHost.ts.
   */
  readonly fakeHost?: string;
  /** Plain data for the fake host, as `window.__fakeHostOptions`: which sample to answer with, and the like. */
  readonly fakeHostOptions?: unknown;
  /** What the extension writes into the page's `data-host-state`. */
  readonly panelState?: unknown;
  /** What the document begins with; or is told, before its scripts are there. */
  readonly start?: string | { readonly told: string } | undefined;
}

/** No server answers here: every request of the page is answered from dist/webview by the test itself. */
const origin = "https://checkpoint-explorer.test";
const pagesFolder = join(projectRoot, "dist", "webview");
const themesFolder = join(projectRoot, "test", "support", "browser", "themes");

/** A page of the extension alone in a browser: with VS Code's theme, a fake host and the real page's CSP. */
export class WebviewPage {
  /** Uncaught exceptions, CSP violations and console.error of the page. */
  readonly errors: string[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  static async open(options: WebviewPageOptions): Promise<WebviewPage> {
    const { theme = "dark", viewport = { width: 1000, height: 700 } } = options;
    const browser = await connectToBrowser(inject("browserEndpoint"));
    const context = await browser.newContext({
      viewport,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await context.route(`${origin}/**`, (route) => answer(route, options));
    const opened = new WebviewPage(browser, context, await context.newPage());
    const fakeHost = await bundleFakeHost(
      options.fakeHost ?? join("test", "webview", "fakeHost", "fakeHost.ts"),
    );
    const given = `window.__fakeHostOptions = ${JSON.stringify(options.fakeHostOptions ?? null)};`;
    const api = readFileSync(join(projectRoot, "test", "support", "browser", "vscodeApiStandIn.js"), "utf8");
    await opened.page.addInitScript(`${given}\n${fakeHost}\n${api}`);
    if (typeof options.start === "object") await opened.page.addInitScript(tellStart, options.start.told);
    await opened.page.addInitScript(applyTheme, await readTheme(theme));
    await opened.page.goto(`${origin}/`);
    return opened;
  }

  locator(selector: string): Locator {
    return this.page.locator(selector);
  }

  /** What the page has posted so far, as the extension would have got it. */
  sentMessages(): Promise<unknown[]> {
    return this.page.evaluate(() => (window as unknown as { __sentMessages: unknown[] }).__sentMessages);
  }

  /** As when the user changes the theme while the page is open. */
  async setTheme(theme: ThemeName): Promise<void> {
    await this.page.evaluate(applyTheme, await readTheme(theme));
  }

  /** Checks the same page in one theme after the other: to open it anew costs more than most checks. */
  async inEveryTheme(check: (theme: ThemeName) => Promise<void>): Promise<void> {
    for (const theme of themeNames) {
      await this.setTheme(theme);
      await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))));
      await check(theme);
    }
  }

  /** What axe finds serious in the page as it stands, in any theme. */
  async seriousProblems(): Promise<(AccessibilityFinding & { theme: ThemeName })[]> {
    const found: (AccessibilityFinding & { theme: ThemeName })[] = [];
    await this.inEveryTheme(async (theme) => {
      const problems = await findAccessibilityProblems(this.page);
      const serious = problems.filter(({ impact }) => impact === "serious" || impact === "critical");
      found.push(...serious.map((problem) => ({ ...problem, theme })));
    });
    return found;
  }

  /** As when a hidden tab is shown again: the page runs from the start, with the state that it kept. */
  async reload(): Promise<void> {
    await this.page.reload();
  }

  /** A picture of the page in test-results/. */
  async screenshot(name: string): Promise<string> {
    const path = join(resultsFolder, "webview", `${name}.png`);
    mkdirSync(dirname(path), { recursive: true });
    await this.page.screenshot({ path });
    return path;
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.browser.close(); // this connection to it
  }
}

async function readTheme(name: ThemeName): Promise<CapturedTheme & { defaultStyles: string }> {
  const theme: CapturedTheme = JSON.parse(readFileSync(join(themesFolder, `${name}.json`), "utf8"));
  return { ...theme, defaultStyles: readFileSync(join(themesFolder, "defaultStyles.css"), "utf8") };
}

/** Runs in the page. */
function tellStart(start: string): void {
  document.addEventListener("DOMContentLoaded", () => window.postMessage({ start }));
}

/** Runs in the page. VS Code does the same there: custom properties on html, classes on body, a style element. */
function applyTheme(theme: CapturedTheme & { defaultStyles: string }): void {
  const onHtml = () => {
    const { style } = document.documentElement;
    for (const name of [...style]) if (name.startsWith("--vscode-")) style.removeProperty(name);
    for (const [name, value] of Object.entries(theme.variables)) style.setProperty(name, value);
  };
  const onBody = () => {
    const { body } = document;
    body.classList.remove("vscode-dark", "vscode-light", "vscode-high-contrast");
    body.classList.add("vscode-body", theme.kind);
    body.dataset.vscodeThemeKind = theme.kind;
    body.dataset.vscodeThemeId = theme.id;
    // A style element would need a nonce of the page's policy; a sheet that a script makes does not.
    const themed = window as unknown as { __themeSheet?: CSSStyleSheet };
    themed.__themeSheet ??= new CSSStyleSheet();
    themed.__themeSheet.replaceSync(theme.defaultStyles);
    // Beside those of the toolkit, which hold its own colours.
    if (!document.adoptedStyleSheets.includes(themed.__themeSheet))
      document.adoptedStyleSheets.push(themed.__themeSheet);
  };
  if (document.body !== null) {
    onHtml();
    onBody();
    return;
  }
  // Before the page: html and body appear while it is being read, and its own script must find them ready.
  new MutationObserver((_changes, observer) => {
    if (document.documentElement !== null) onHtml();
    if (document.body === null) return;
    observer.disconnect();
    onBody();
  }).observe(document, { childList: true, subtree: true });
}

const bundles = new Map<string, Promise<string>>();

function bundleFakeHost(file: string): Promise<string> {
  const bundle = bundles.get(file) ?? buildFakeHost(file);
  bundles.set(file, bundle);
  return bundle;
}

async function buildFakeHost(file: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: projectRoot,
    entryPoints: [file],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022",
    minify: true,
    loader: { ".json": "json" },
  });
  return outputFiles[0]?.text ?? "";
}

/** The page as the extension makes it, with the same policy. */
function html({ page, panelState = null, start: begun }: WebviewPageOptions): string {
  const inFolder = (name: string) => `${origin}/${name}`;
  const [script, style] = [inFolder(`${page}.js`), inFolder("styles.css")];
  const pageFiles = JSON.parse(readFileSync(join(pagesFolder, "pageFiles.json"), "utf8"));
  const imports = pageFiles[page].map(inFolder);
  const css = readFileSync(join(pagesFolder, "start.css"), "utf8");
  const start =
    begun === undefined ? undefined : { html: typeof begun === "string" ? begun : undefined, css };
  return pageHtml({ page, script, imports, style, source: origin, nonce: "test", panelState, start });
}

const contentTypes: Readonly<Record<string, string>> = { js: "text/javascript", css: "text/css" };

async function answer(route: Route, options: WebviewPageOptions): Promise<void> {
  const name = basename(new URL(route.request().url()).pathname);
  if (name === "") return route.fulfill({ contentType: "text/html; charset=utf-8", body: html(options) });
  const file = join(pagesFolder, name);
  const contentType = contentTypes[name.split(".").pop() ?? ""];
  if (contentType === undefined || !existsSync(file)) return route.fulfill({ status: 404, body: "" });
  return route.fulfill({ contentType: `${contentType}; charset=utf-8`, body: readFileSync(file) });
}
