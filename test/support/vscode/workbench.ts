import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Browser, BrowserContext, FrameLocator, Locator, Page } from "playwright-core";
import { connectToBrowser } from "../browser/launchBrowser";
import { type ThemeName, themes } from "../browser/themes";
import { resultsFolder, scratchFolder } from "../projectRoot";
import { workspaceUrl } from "./vscodeServer";

/** A running server and a running browser. */
export interface WorkbenchConnection {
  readonly server: { readonly url: string };
  readonly browserEndpoint: string;
}

export interface WorkbenchOptions {
  /** This folder is copied, and the copy is opened. */
  readonly workspace: string;
  /** Opens the folder itself, which then gets a `.vscode` folder. */
  readonly inPlace?: boolean;
  readonly theme?: ThemeName;
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Settings of the workspace. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

const readySeconds = 60;

/** How often something that the window may have lost or taken back is done again. */
const attempts = 5;

/** How long to wait for what such an attempt should bring about. */
const attemptMs = 3000;

/**
 * VS Code itself reports errors now and then, more so on a slow machine, and they are not what is tested. Ours name
 * the extension's folder or id, one of its commands or views, or the policy that its pages break.
 */
const ourErrors = /checkpoint-explorer\.checkpoint-explorer|checkpointExplorer\.|Content Security Policy/i;

/** One window of a real VS Code, with the packed extension, on a copy of a folder. */
export class Workbench {
  /** What our pages and our extension reported as errors: uncaught exceptions, CSP violations, console.error. */
  readonly errors: string[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly context: BrowserContext,
    readonly page: Page,
    /** The folder that is open. */
    readonly folder: string,
    private readonly settings: Readonly<Record<string, unknown>>,
    private readonly copy: string | undefined,
  ) {
    page.on("pageerror", (error) => this.keepIfOurs(error.stack ?? String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.keepIfOurs(`${message.text()} (${message.location().url})`);
    });
  }

  private keepIfOurs(error: string): void {
    if (ourErrors.test(error)) this.errors.push(error);
  }

  static async open(options: WorkbenchOptions, connection: WorkbenchConnection): Promise<Workbench> {
    const { theme = "dark", viewport = { width: 1280, height: 800 }, settings = {} } = options;
    const copy = options.inPlace === true ? undefined : makeCopy(options.workspace);
    const folder = copy ?? options.workspace;
    const browser = await connectToBrowser(connection.browserEndpoint);
    const context = await browser.newContext({
      viewport,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const workbench = new Workbench(browser, context, await context.newPage(), folder, settings, copy);
    workbench.writeSettings(theme);
    await workbench.page.goto(workspaceUrl(connection.server, folder));
    await workbench.waitUntilReady();
    return workbench;
  }

  /**
   * Waits until the extensions' contributions are known. Before that, a checkpoint would be opened as text. The
   * workbench marks the moment in its performance timeline.
   */
  async waitUntilReady(): Promise<void> {
    const isLoaded = () => performance.getEntriesByName("code/didLoadExtensions").length > 0;
    await this.page.waitForFunction(isLoaded, undefined, { timeout: readySeconds * 1000 });
  }

  /** Runs a command by its title, as the command palette shows it: `Category: Title`. */
  async runCommand(title: string): Promise<void> {
    // The palette does not learn of a command that is registered after it was opened.
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await this.typeQuickInput("F1", `>${title}`);
      if (await appears(this.quickInputRow(title))) {
        try {
          return await this.quickInputRow(title).click({ timeout: attemptMs });
        } catch (error) {
          // An editor that is just shown takes the focus, and the palette closes.
          if (await this.quickInputRow(title).isVisible()) throw error;
        }
      }
      await this.dismissMenus();
    }
    throw new Error(`The command "${title}" is not in the command palette.`);
  }

  /** Opens a file by its path in the workspace, with quick open, in the editor that VS Code chooses for it. */
  async openFile(path: string): Promise<void> {
    await this.typeQuickInput("ControlOrMeta+P", path);
    const folder = dirname(path);
    // The list of before stays until the search has ended, so the row must be of the right folder too.
    await this.quickInputRow(basename(path), folder === "." ? "" : folder).click();
    await this.waitForEditor(basename(path));
  }

  /** Waits until an editor is the active one. */
  async waitForEditor(name: string): Promise<void> {
    await this.editorTab(name).and(this.page.locator("[aria-selected='true']")).first().waitFor();
  }

  /** Closes what is open: editors, menus and inputs. What was not saved is a failure of the test before. */
  async closeAllEditors(): Promise<void> {
    await this.dismissMenus();
    if ((await this.page.locator(".tabs-container .tab").count()) === 0) return;
    await this.runCommand("View: Close All Editors");
    await this.page.locator(".tabs-container .tab").first().waitFor({ state: "detached" });
  }

  private async dismissMenus(): Promise<void> {
    for (const open of [this.menu, this.quickInput]) {
      for (let attempt = 0; attempt < attempts && (await open.first().isVisible()); attempt += 1) {
        await this.page.keyboard.press("Escape");
        await appears(open.first(), "hidden");
      }
    }
  }

  /** The field of the command palette, of quick open and of an extension's input box. */
  get quickInput(): Locator {
    return this.page.locator(".quick-input-widget .quick-input-filter input");
  }

  /** Chooses the row of an open quick pick of which the label is, or starts with, `label`. */
  async pickQuickInput(label: string): Promise<void> {
    await this.quickInputRow(label).click();
  }

  /** What a screen reader says of a row starts with its label and goes on with its description. */
  quickInputRow(label: string, description = ""): Locator {
    const rows = this.page.locator(".quick-input-widget .quick-input-list .monaco-list-row");
    const quoted = (text: string) => text.replaceAll(/["\\]/g, "\\$&");
    const starts = `[aria-label="${quoted(label)}"], [aria-label^="${quoted(label)} "], [aria-label^="${quoted(label)},"]`;
    const named = rows.and(this.page.locator(starts));
    return (
      description === "" ? named : named.and(this.page.locator(`[aria-label*="${quoted(description)}"]`))
    ).first();
  }

  /**
   * Opens an input by its key and types into it. A key that is pressed while the window is still busy with the last
   * one gets lost, and an editor that has just opened may take the focus, which closes the input: then once more.
   */
  async typeQuickInput(shortcut: string, text: string): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await this.page.keyboard.press(shortcut);
      if (!(await appears(this.quickInput))) continue;
      try {
        await this.quickInput.fill(text, { timeout: attemptMs });
        return;
      } catch {
        // It was closed.
      }
    }
    throw new Error(`"${text}" could not be typed into the input that ${shortcut} opens.`);
  }

  /** The page of an open custom editor or webview panel; `index` counts those that are visible side by side. */
  webviewFrame(index = 0): FrameLocator {
    const outer = this.page.locator("iframe.webview.ready").filter({ visible: true }).nth(index);
    return outer.contentFrame().frameLocator("#active-frame");
  }

  /** The tab of an open editor, by the file's name or the panel's title. */
  editorTab(name: string): Locator {
    return this.page.locator(".tabs-container .tab").filter({ hasText: name });
  }

  /** A row of the explorer or of a tree view, by what a screen reader says of it. */
  treeItem(label: string | RegExp): Locator {
    return this.page.getByRole("treeitem", { name: label });
  }

  /**
   * Selects these rows of one tree and no others; one alone opens, as with a click of the user. A tree that learns
   * something at that moment moves its rows, and a click may find the row that came in between: then all once more.
   */
  async selectRows(...rows: readonly Locator[]): Promise<void> {
    const selected = this.page.locator(".monaco-list-row.selected");
    const wanted = rows.map((row) => row.first());
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      for (const [index, row] of wanted.entries())
        await row.click({ modifiers: index === 0 ? [] : ["ControlOrMeta"] });
      const areSelected = await Promise.all(wanted.map((row) => appears(row.and(selected))));
      const tree = wanted[0]
        ?.locator("xpath=ancestor::*[contains(@class, 'monaco-list')][1]")
        .locator(selected);
      if (areSelected.every(Boolean) && (await tree?.count()) === rows.length) return;
    }
    throw new Error(`The rows ${rows.join(", ")} could not be selected.`);
  }

  /** A collapsible view of a side bar, by its title. */
  view(title: string | RegExp): Locator {
    const header = this.viewHeader(title);
    return this.page.locator(".split-view-view .pane").filter({ has: header });
  }

  /** Opens or folds a view of the side bar. */
  async setViewExpanded(title: string | RegExp, expanded: boolean): Promise<void> {
    const header = this.viewHeader(title);
    const wanted = header.and(this.page.locator(`[aria-expanded="${expanded}"]`));
    // The extension expands its view itself once; a click at that moment folds it again.
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      if ((await header.getAttribute("aria-expanded")) !== String(expanded)) await header.click();
      if (await appears(wanted)) return;
    }
    throw new Error(`The view ${title} could not be ${expanded ? "expanded" : "folded"}.`);
  }

  /** Gives Training Runs the room of the folder's own view, and returns it. */
  async openRuns(): Promise<Locator> {
    await this.setViewExpanded("Training Runs", true);
    await this.setViewExpanded(new RegExp(`^${basename(this.folder)}`), false);
    return this.view("Training Runs");
  }

  private viewHeader(title: string | RegExp): Locator {
    return this.page.locator(".pane-header").filter({ hasText: title });
  }

  private get menu(): Locator {
    return this.page.locator(".context-view .monaco-menu");
  }

  /**
   * Opens the context menu of a row and chooses an entry. Not with a click on it: for 100 ms a menu does not hear the
   * mouse, so that the click that opened it chooses nothing, and nothing shows when that time is over. Enter on the
   * entry that has the focus works at once.
   */
  async pickFromContextMenu(target: Locator, entry: string): Promise<void> {
    const item = this.page.getByRole("menuitem", { name: entry, exact: true });
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await this.dismissMenus();
      await target.click({ button: "right" });
      if (!(await appears(item))) continue;
      await item.hover();
      // Something else that takes the focus, such as an editor that is still opening, closes the menu.
      if (!(await appears(this.page.locator(".monaco-menu .action-item.focused").filter({ has: item }))))
        continue;
      await this.page.keyboard.press("Enter");
      await this.menu.first().waitFor({ state: "hidden" });
      // What lay under the menu would show its hover over the rest.
      await this.page.mouse.move(1, 1);
      return;
    }
    throw new Error(`"${entry}" could not be chosen from the context menu.`);
  }

  /** The notifications that are shown at the moment. */
  get notifications(): Locator {
    return this.page.locator(".notifications-toasts .notification-list-item");
  }

  async setTheme(theme: ThemeName): Promise<void> {
    this.writeSettings(theme);
    await this.page.locator(`.monaco-workbench.${themes[theme].cssClass}`).waitFor();
  }

  /** Gives the side bar a width, with the mouse. */
  async setSideBarWidth(width: number): Promise<void> {
    const box = await this.page.locator(".part.sidebar").boundingBox();
    if (box === null) throw new Error("There is no side bar.");
    const edge = { x: box.x + box.width, y: box.y + box.height / 3 };
    await this.page.mouse.move(edge.x, edge.y);
    await this.page.mouse.down();
    await this.page.mouse.move(box.x + width, edge.y, { steps: 4 });
    await this.page.mouse.up();
    await this.page.mouse.move(1, 1);
  }

  /** In the workspace, so that windows do not disturb each other; hidden, so that tests see their own files only. */
  private writeSettings(theme: ThemeName): void {
    const settings = {
      "workbench.colorTheme": themes[theme].setting,
      "files.exclude": { "**/.vscode": true },
      ...this.settings,
    };
    mkdirSync(join(this.folder, ".vscode"), { recursive: true });
    writeFileSync(join(this.folder, ".vscode", "settings.json"), JSON.stringify(settings));
  }

  /** Reloads the window: the extension host starts again, and editors are restored as after a restart. */
  async reload(): Promise<void> {
    // Not the browser's reload, which leaves VS Code no time to save what is open.
    const loaded = this.page.waitForEvent("load");
    await this.runCommand("Developer: Reload Window");
    await loaded;
    await this.waitUntilReady();
  }

  /** What was copied last. */
  readClipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** A picture of the whole window, in test-results/ if `name` is no absolute path. */
  async screenshot(name: string): Promise<string> {
    const path = resolve(resultsFolder, "e2e", `${name}.png`);
    mkdirSync(dirname(path), { recursive: true });
    await this.page.screenshot({ path });
    return path;
  }

  async close(): Promise<void> {
    await this.context.close();
    await this.browser.close();
    if (this.copy !== undefined) rmSync(dirname(this.copy), { recursive: true, force: true });
  }
}

/** The copy keeps its name, which the window shows as the root of the explorer. */
function makeCopy(folder: string): string {
  const parent = join(scratchFolder, "workspaces");
  mkdirSync(parent, { recursive: true });
  const copy = join(mkdtempSync(join(parent, "copy-")), basename(folder));
  cpSync(folder, copy, { recursive: true });
  return copy;
}

async function appears(locator: Locator, state: "visible" | "hidden" = "visible"): Promise<boolean> {
  try {
    await locator.waitFor({ state, timeout: attemptMs });
    return true;
  } catch {
    return false;
  }
}
