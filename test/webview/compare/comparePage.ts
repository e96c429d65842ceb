import type { Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";
import type { CompareHostOptions } from "../fakeHost/compare/compareHost";
import { compareSamples, compareView } from "../fakeHost/compare/compareSamples";

/**
 * The compare panel in a browser, for the tests of a file: a page at a time, which is closed after its test and has
 * reported no error then.
 */
export function eachComparePage() {
  let webview: WebviewPage | undefined;
  const close = async () => {
    expect(webview?.errors ?? []).toEqual([]);
    await webview?.close();
    webview = undefined;
  };
  afterEach(close);
  return {
    /** Closes the one before. */
    async open(options: CompareHostOptions = {}, more: Partial<WebviewPageOptions> = {}): Promise<Page> {
      await close();
      const viewport = { width: 1280, height: 800 };
      webview = await WebviewPage.open({ page: "compare", fakeHostOptions: options, viewport, ...more });
      return webview.page;
    },
    /** What the page asked of the extension by this name. */
    async sent(method: string): Promise<unknown[]> {
      const messages = (await webview?.sentMessages()) ?? [];
      return messages.filter((message) => (message as { method?: string }).method === method);
    },
    /** What axe finds serious in the page as it stands, in any theme. */
    async seriousProblems(): Promise<unknown[]> {
      if (webview === undefined) throw new Error("No page is open.");
      return webview.seriousProblems();
    },
    async reload(): Promise<void> {
      await webview?.reload();
    },
  };
}

export const snapshots = (page: Page) => page.getByRole("table", { name: "Snapshots" });
export const modules = (page: Page) => page.getByRole("table", { name: "Modules" });
export const moduleRow = (page: Page, name: string) =>
  modules(page)
    .getByRole("row")
    .filter({ has: page.getByRole("button", { name, exact: true }) });
export const moduleNames = async (page: Page) =>
  modules(page)
    .locator("tbody button")
    .evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label")));
export const columnLabels = (page: Page) =>
  snapshots(page)
    .locator(".snapshot-name")
    .evaluateAll((names) => names.map((name) => name.getAttribute("aria-label")));
export const heatMap = (page: Page) => page.locator(".heat-panels");
export const details = (page: Page) => page.getByRole("region", { name: "Module details" });
export const filter = (page: Page, placeholder: string) =>
  page.getByRole("textbox").and(page.getByPlaceholder(placeholder));

export function stages() {
  return compareView(compareSamples.stages?.() ?? [], []);
}
