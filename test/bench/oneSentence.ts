import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/projectRoot";

/** What its page says of every file, and what is looked for on the pages of the others. */
const sentence = "291 tensors";

const manifest = {
  name: "one-sentence",
  publisher: "bench",
  version: "0.0.1",
  license: "MIT",
  engines: { vscode: "^1.85.0" },
  main: "./extension.js",
  contributes: {
    customEditors: [
      {
        viewType: "oneSentence.page",
        displayName: "One sentence",
        selector: [{ filenamePattern: "*.safetensors" }],
        priority: "default",
      },
    ],
  },
};

const code = `const vscode = require("vscode");
exports.activate = ({ subscriptions }) => {
  subscriptions.push(vscode.window.registerCustomEditorProvider("oneSentence.page", {
    openCustomDocument: (uri) => ({ uri, dispose() {} }),
    resolveCustomEditor(_document, { webview }) {
      webview.html = "<!DOCTYPE html><html><body><p>${sentence}</p></body></html>";
    },
  }));
};
`;

/**
 * Packs an extension that reads no file and shows a sentence that it knows beforehand: what no editor of VS Code can be
 * sooner than.
 * @returns the package's path, in `folder`.
 */
export function packOneSentence(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "extension.js"), code);
  writeFileSync(join(folder, "README.md"), "Shows one sentence, to be measured against.\n");
  const vsix = join(folder, "sentence.vsix");
  const vsce = join(projectRoot, "node_modules", "@vscode", "vsce", "vsce");
  const options = [
    "package",
    "--no-dependencies",
    "--allow-missing-repository",
    "--skip-license",
    "--out",
    vsix,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [vsce, ...options], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`The extension of one sentence could not be packed:\n${stdout}${stderr}`);
  return vsix;
}
