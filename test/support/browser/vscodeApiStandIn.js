/**
 * Takes the place of what VS Code injects into a webview page: `acquireVsCodeApi` with messages and state. Runs in
 * the page before its own script. The other end of the messages is `window.__fakeHost`, which a test brings along.
 *
 * A message loses here what it loses on its real way: it becomes JSON, except that ArrayBuffers and typed arrays
 * stay what they are (with the whole buffer under them), and it arrives later.
 */
(() => {
  const stateKey = "vscode-webview-state";
  let acquired = false;

  function overTheWire(message) {
    const binary = [];
    const text = JSON.stringify(message, (_key, value) => {
      if (!(value instanceof ArrayBuffer || ArrayBuffer.isView(value))) return value;
      binary.push(structuredClone(value));
      return { $binary: binary.length - 1 };
    });
    if (text === undefined) return undefined;
    return JSON.parse(text, (_key, value) =>
      typeof value?.$binary === "number" ? binary[value.$binary] : value,
    );
  }

  /** Later, and in order: timers alone may overtake each other, because a browser delays those set by timers. */
  function inOrder(receive) {
    const queue = [];
    return (message) => {
      queue.push(overTheWire(message));
      setTimeout(() => receive(queue.shift()));
    };
  }

  const deliver = inOrder((data) =>
    window.dispatchEvent(new MessageEvent("message", { data, origin: window.origin })),
  );

  window.__sentMessages = [];

  window.acquireVsCodeApi = () => {
    if (acquired) throw new Error("An instance of the VS Code API has already been acquired");
    acquired = true;
    const receive = window.__fakeHost?.attach(deliver);
    const post = inOrder((data) => receive?.(data));
    return Object.freeze({
      postMessage(message) {
        window.__sentMessages.push(overTheWire(message));
        post(message);
      },
      // Per tab, like VS Code's: it outlives a reload of the page.
      getState() {
        const text = sessionStorage.getItem(stateKey);
        return text === null ? undefined : JSON.parse(text);
      },
      setState(state) {
        sessionStorage.setItem(stateKey, JSON.stringify(state) ?? "null");
        return state;
      },
    });
  };
})();
