import type { Page } from "playwright-core";
import { WebviewPage, type WebviewPageOptions } from "../support/webviewPage";
import type { CompareHostOptions } from "./fakeHost/compareHost";
import { compareSamples, compareView } from "./fakeHost/compareSamples";

/** The compare panel in a browser, and where things are in it. */
export class ComparePage {
  private constructor(
    readonly webview: WebviewPage,
    readonly page: Page,
  ) {}

  static async open(
    options: CompareHostOptions = {},
    more: Partial<WebviewPageOptions> = {},
  ): Promise<ComparePage> {
    const webview = await WebviewPage.open({
      page: "compare",
      fakeHostOptions: options,
      viewport: { width: 1280, height: 800 },
      ...more,
    });
    return new ComparePage(webview, webview.page);
  }

  /** What the page asked of the extension by this name. */
  async sent(method: string): Promise<unknown[]> {
    const messages = await this.webview.sentMessages();
    return messages.filter((message) => (message as { method?: string }).method === method);
  }
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
