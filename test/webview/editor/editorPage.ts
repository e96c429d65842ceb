import type { Locator, Page } from "playwright-core";
import { WebviewPage, type WebviewPageOptions } from "../../support/browser/webviewPage";
import type { EditorHostOptions } from "../fakeHost/editor/editorHost";

/** The checkpoint editor in a browser, with what several tests look for in it. */
export class EditorPage {
  private constructor(
    readonly webview: WebviewPage,
    readonly page: Page,
  ) {}

  static async open(
    host: EditorHostOptions = {},
    more: Partial<WebviewPageOptions> = {},
  ): Promise<EditorPage> {
    const webview = await WebviewPage.open({
      page: "editor",
      fakeHostOptions: host,
      viewport: { width: 1280, height: 800 },
      ...more,
    });
    return new EditorPage(webview, webview.page);
  }

  tab(name: string): Locator {
    return this.page.getByRole("tab", { name: new RegExp(`^${name}`) });
  }

  async showTab(name: string): Promise<void> {
    await this.tab(name).click();
  }

  /** The table of the shown tab, be it a tree, tensors or modules. */
  get rows(): Locator {
    return this.page.locator("[role=grid], [role=treegrid]");
  }

  get selectedRow(): Locator {
    return this.rows.locator("[role=row][aria-selected=true]");
  }

  /** Texts of a column of the rows that are in the page, from the top. */
  async column(index: number): Promise<(string | null)[]> {
    const cells = this.rows.locator(`[data-row] > [role=gridcell]:nth-child(${index + 1})`);
    return cells.evaluateAll((found) =>
      found.map((cell) => cell.querySelector("bdi")?.title ?? cell.textContent),
    );
  }

  /** The name in the selected row, which its row may have too little room for. */
  async selectedName(): Promise<string | undefined> {
    const [name] = await this.selectedRow
      .locator("bdi")
      .evaluateAll((found) => found.map((each) => each.getAttribute("title") ?? ""));
    return name;
  }

  filter(name = "Filter tensors by name"): Locator {
    return this.page.getByRole("textbox", { name });
  }

  /** What the page asked of the extension by this method. */
  async sent(method: string): Promise<unknown[]> {
    const messages = (await this.webview.sentMessages()) as { method?: string; params?: unknown }[];
    return messages.filter((message) => message.method === method).map(({ params }) => params);
  }

  /** As after the debounce of what is kept: a hidden page is shown again. */
  async hideAndShow(): Promise<void> {
    await this.page.waitForTimeout(200);
    await this.webview.reload();
  }
}
