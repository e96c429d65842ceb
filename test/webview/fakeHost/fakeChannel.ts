import { Channel, type Handlers } from "../../../src/protocol/channel";
import { behindShapes, type Params } from "../../../src/protocol/params/shapes";
import { decodeFromWebview, encodeForWebview } from "../../../src/protocol/webviewWire";
import { wireSize } from "../../support/browser/vscodeMessage";

declare global {
  interface Window {
    /** Bytes that the extension has sent to the page, as VS Code counts them, and those of the largest message. */
    __receivedBytes: number;
    __largestMessage: number;
  }
}

export type Send = (message: unknown) => void;
export type Receive = (message: unknown) => void;
export type StartHost = (send: Send, options: unknown) => Receive;

/** The extension's end of a page's channel, and what the stand-in for VS Code hands the page's messages to. */
export function fakeChannel<HostCalls, PageCalls>(
  send: Send,
  params: Params<HostCalls>,
  handlers: Handlers<HostCalls>,
): { readonly channel: Channel<HostCalls, PageCalls>; readonly receive: Receive } {
  let listener: Receive = () => {};
  const channel = new Channel<HostCalls, PageCalls>(
    {
      post: (message) => {
        const encoded = encodeForWebview(message);
        const bytes = wireSize(encoded);
        window.__receivedBytes = (window.__receivedBytes ?? 0) + bytes;
        window.__largestMessage = Math.max(window.__largestMessage ?? 0, bytes);
        send(encoded);
      },
      onMessage: (added) => {
        listener = added;
      },
    },
    behindShapes(params, handlers),
  );
  return { channel, receive: (message) => listener(decodeFromWebview(message)) };
}

/** Rejects like the worker does when its caller gives up. */
export function waitUnlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Cancelled", "AbortError"));
    });
  });
}
