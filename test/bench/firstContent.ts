import type { Page } from "playwright-core";

/** Of the clock that all pages of a browser share, in milliseconds. */
type ClockMs = number;

interface FirstContent {
  readonly atMs: ClockMs;
  /** Where it was seen, as far as it tells what. */
  readonly text: string;
}

declare global {
  interface Window {
    firstContentSeen(atMs: ClockMs, text: string): void;
    lastPressMs: ClockMs | undefined;
  }
}

/**
 * In a window: when the user pressed the mouse in it, and when the first text that matches is on the screen in one of
 * the documents inside it. Whoever asks from outside, as Playwright's own waiting does, learns of it up to half a second
 * later, and slows a page down that has much text.
 */
function watchWindow(source: string): void {
  if (window.frameElement !== null) return; // the window around it sees into it
  const pattern = new RegExp(source);
  const now = () => performance.timeOrigin + performance.now();
  window.addEventListener("pointerdown", () => (window.lastPressMs = now()), true);

  /** VS Code hides the frame of a page until all that the page names is there, or for 200 ms. */
  const isVisible = (element: Element): boolean => {
    if (element.getClientRects().length === 0 || !element.checkVisibility({ visibilityProperty: true }))
      return false;
    const frame = element.ownerDocument.defaultView?.frameElement;
    return frame === null || frame === undefined || isVisible(frame);
  };

  const tellOnceVisible = (element: Element, end: () => void) => {
    if (!element.isConnected || !isVisible(element)) return false;
    end();
    // What a frame's callbacks begin with is painted after them: the next task comes after the picture.
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.firstContentSeen(now(), (element.textContent ?? "").trim().slice(0, 40));
      port2.postMessage(undefined);
    });
    return true;
  };

  /** The first text below a node that matches, by its element. */
  const find = (node: Node): Element | undefined => {
    const texts = node.ownerDocument?.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    for (
      let text = node.nodeType === Node.TEXT_NODE ? node : texts?.nextNode();
      text;
      text = texts?.nextNode()
    ) {
      const parent = text.parentElement;
      if (parent === null || /^(SCRIPT|STYLE|NOSCRIPT|TITLE)$/.test(parent.tagName)) continue;
      if (pattern.test(text.nodeValue ?? "")) return parent;
    }
    return undefined;
  };

  const follow = (root: Element) => {
    const hidden = new Set<Element>();
    let ended = false;
    const look = (node: Node) => {
      const element = find(node);
      if (element !== undefined && !tellOnceVisible(element, end)) hidden.add(element);
    };
    const observer = new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes)
        for (const node of type === "characterData" ? [target] : addedNodes) if (!ended) look(node);
    });
    const end = () => {
      ended = true;
      followed.set(root, () => undefined);
      observer.disconnect();
    };
    followed.set(root, () => [...hidden].some((element) => tellOnceVisible(element, end)));
    observer.observe(root, { subtree: true, childList: true, characterData: true });
    look(root);
  };

  /** What is asked of a document's root in each frame. VS Code writes a page into a document that is there already. */
  const followed = new WeakMap<Element, () => unknown>();
  const visit = (inner: Window) => {
    try {
      const root = inner.document.documentElement;
      if (inner !== window.top && root !== null) {
        const ask = followed.get(root);
        if (ask === undefined) follow(root);
        else ask();
      }
      for (let at = 0; at < inner.length; at++) visit(inner[at] as Window);
    } catch {
      // A page of another origin watches itself.
    }
  };
  const visitEachFrame = () => {
    visit(window);
    requestAnimationFrame(visitEachFrame);
  };
  visitEachFrame();
}

/** Tells how long it took from a press of the mouse to the first text on a page inside the window. */
export class ContentWatch {
  private seen: ((first: FirstContent) => void) | undefined;

  private constructor(private readonly page: Page) {}

  /** From the next time that `page` is loaded. */
  static async of(page: Page, pattern: RegExp): Promise<ContentWatch> {
    const watch = new ContentWatch(page);
    await page.exposeBinding("firstContentSeen", (_source, atMs: ClockMs, text: string) =>
      watch.seen?.({ atMs, text }),
    );
    await page.addInitScript(watchWindow, pattern.source);
    return watch;
  }

  /** Undefined if nothing came within `mostMs`. */
  async timeOf(
    press: () => Promise<void>,
    mostMs: number,
  ): Promise<{ readonly timeMs: number; readonly text: string } | undefined> {
    const seen = new Promise<FirstContent | undefined>((resolve) => {
      this.seen = resolve;
      setTimeout(resolve, mostMs, undefined).unref();
    });
    await press();
    const first = await seen;
    this.seen = undefined;
    const pressMs = await this.page.evaluate(() => window.lastPressMs);
    if (first === undefined || pressMs === undefined) return undefined;
    return { timeMs: first.atMs - pressMs, text: first.text };
  }
}
