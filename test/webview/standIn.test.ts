import { afterEach, expect, test } from "vitest";
import { themeNames } from "../support/browser/themes";
import { WebviewPage } from "../support/browser/webviewPage";

/** That the page around the webview tests is like VS Code's, so that what they show holds there. */
let opened: WebviewPage | undefined;

const silent = "test/support/browser/silentHost.ts";

afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

test("a page runs, asks its host, and breaks no rule of its policy", async () => {
  opened = await WebviewPage.open({ page: "editor", fakeHost: silent });
  await expect.poll(() => opened?.sentMessages()).not.toEqual([]);
  expect(opened.errors).toEqual([]);
});

test.each(themeNames)("the %s theme is there before the page's own script, as in VS Code", async (theme) => {
  opened = await WebviewPage.open({ page: "editor", fakeHost: silent, theme });
  await opened.screenshot(`standIn-${theme}`);
  const seen = await opened.locator("body").evaluate((body) => ({
    kind: body.dataset.vscodeThemeKind,
    isClass: body.classList.contains(body.dataset.vscodeThemeKind ?? ""),
    foreground: getComputedStyle(body).getPropertyValue("--vscode-foreground"),
  }));
  const kinds = { dark: "vscode-dark", light: "vscode-light", highContrast: "vscode-high-contrast" };
  expect(seen).toEqual({ kind: kinds[theme], isClass: true, foreground: expect.stringMatching(/^#/) });
});

test("the policy refuses a script and a style that are not ours", async () => {
  opened = await WebviewPage.open({ page: "editor", fakeHost: silent });
  await opened.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'broken in'";
    document.body.append(script);
    document.body.setAttribute("style", "color: red");
  });
  expect(await opened.page.title()).toBe("Checkpoint Explorer");
  expect(opened.errors).toHaveLength(2);
});

test("a message loses on its way what it loses in VS Code", async () => {
  opened = await WebviewPage.open({ page: "editor", fakeHost: silent });
  await expect.poll(() => opened?.sentMessages()).not.toEqual([]); // by then the page listens
  const received = await opened.page.evaluate(async () => {
    const { __send: send } = window as unknown as { __send(message: unknown): void };
    const arrived = new Promise<MessageEvent>((resolve) => {
      window.addEventListener("message", resolve, { once: true, capture: true });
    });
    send({
      number: Number.NaN,
      missing: undefined,
      map: new Map([[1, 2]]),
      array: new Float64Array([Number.NaN, 1]),
    });
    const { number, array, ...rest } = (await arrived).data;
    return { number, isArray: array instanceof Float64Array, array: Array.from(array, String), rest };
  });
  expect(received).toEqual({ number: null, isArray: true, array: ["NaN", "1"], rest: { map: {} } });
});
