/**
 * Takes the place of index.js of `@vscode/native-watchdog` inside the VS Code server that we install; the original
 * needs a native module that is not compiled there. It ends an extension host of which the parent is gone; VS Code
 * watches for that in JavaScript as well.
 */
exports.start = () => {};
exports.exit = (code) => process.exit(code ?? 0);
