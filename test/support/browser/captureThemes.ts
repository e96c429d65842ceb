import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { projectRoot, scratchFolder } from "../projectRoot";
import { installCodeServer } from "../vscode/installCodeServer";
import { buildExtension, packExtension } from "../vscode/packExtension";
import {
  quietSettings,
  startVscodeServer,
  type VscodeServer,
  workspaceUrl,
  writeUserSettings,
} from "../vscode/vscodeServer";
import { launchBrowser } from "./launchBrowser";
import { type CapturedTheme, type ThemeName, themeNames, themes } from "./themes";

/**
 * Writes test/support/browser/themes/: what VS Code puts into every webview page, for the webview tests, which run without
 * VS Code. To be run again after a change of the server's version:
 * `node test/support/bootstrap.mjs test/support/browser/captureThemes.ts`. The page it looks at is the preview of a
 * Markdown file, which VS Code brings along.
 */
const home = join(scratchFolder, "capture");
const target = join(projectRoot, "test", "support", "browser", "themes");

function readPage(html: Element): { theme: CapturedTheme; defaultStyles: string } {
  const { body } = document;
  const variables: Record<string, string> = {};
  const style = (html as HTMLElement).style;
  for (const name of style) {
    if (name.startsWith("--") && !name.startsWith("--markdown-"))
      variables[name] = style.getPropertyValue(name);
  }
  return {
    theme: { kind: body.dataset.vscodeThemeKind ?? "", id: body.dataset.vscodeThemeId ?? "", variables },
    defaultStyles: document.querySelector("#_defaultStyles")?.textContent ?? "",
  };
}

async function openPreview(browser: Browser, server: VscodeServer, folder: string): Promise<Locator> {
  const page = await browser.newPage();
  await page.goto(workspaceUrl(server, folder));
  await page.waitForFunction(() => performance.getEntriesByName("code/didLoadExtensions").length > 0);
  await page.getByRole("treeitem", { name: "page.md" }).dblclick();
  await page.locator(".monaco-editor .view-line").first().waitFor();
  await page.keyboard.press("ControlOrMeta+Shift+V");
  const frame = page.locator("iframe.webview.ready").contentFrame().frameLocator("#active-frame");
  await frame.locator("h1").waitFor();
  return frame.locator("html");
}

async function capture(
  name: ThemeName,
  browser: Browser,
  server: VscodeServer,
  folder: string,
): Promise<void> {
  writeUserSettings(home, { ...quietSettings, "workbench.colorTheme": themes[name].setting });
  const html = await openPreview(browser, server, folder);
  const { theme, defaultStyles } = await html.evaluate(readPage);
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(theme, null, 1)}\n`);
  writeFileSync(join(target, "defaultStyles.css"), `${defaultStyles.replaceAll(/^\t\t/gm, "").trim()}\n`);
  console.log(`${name}: ${Object.keys(theme.variables).length} variables of ${theme.id}`);
}

const folder = join(home, "workspace");
mkdirSync(folder, { recursive: true });
mkdirSync(target, { recursive: true });
writeFileSync(join(folder, "page.md"), "# Page\n");
const vsix = join(home, "checkpoint-explorer.vsix");
if (!buildExtension()) process.exit(1);
packExtension(vsix);
const server = await startVscodeServer({ entry: installCodeServer(), home, vsix });
const browser = await launchBrowser();
try {
  for (const name of themeNames) await capture(name, browser, server, folder);
} finally {
  await browser.close();
  await server.stop();
}
