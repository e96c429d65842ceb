/**
 * The toolkit takes VS Code's colours once the window has loaded (its utilities/theme/applyTheme.js), and keeps those of
 * the dark theme until then. A page that asks for its scripts only after that would never have the right ones: what
 * waits for `load` while the toolkit is evaluated is called as soon as it is.
 */
if (document.readyState === "complete") {
  const add = window.addEventListener;
  window.addEventListener = (...[type, listener, options]: Parameters<typeof add>) => {
    if (type === "load" && typeof listener === "function")
      queueMicrotask(() => listener.call(window, new Event("load")));
    else add.call(window, type, listener, options);
  };
  // Modules that import each other are evaluated in one go, before this.
  queueMicrotask(() => {
    window.addEventListener = add;
  });
}
