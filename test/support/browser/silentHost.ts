/** A fake host that never answers by itself; a test sends with `window.__send`. */
interface HostWindow {
  __fakeHost: { attach(send: (message: unknown) => void): (message: unknown) => void };
  __send: (message: unknown) => void;
}

const hostWindow = window as unknown as HostWindow;

hostWindow.__fakeHost = {
  attach(send) {
    hostWindow.__send = send;
    return () => {};
  },
};
