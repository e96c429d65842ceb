import { build } from "esbuild";
import { expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";

/** What the worker does must not be in a page too: nothing there reads files, and every page is parsed whole. */
const readers =
  /^src\/core\/(?:session|health|resume|runs\/discover|formats\/(?:pickle|torch|gguf|onnx|safetensors|numpy))\//;

test.each(["editor", "compare", "run"])("the %s page holds no reader of files", async (page) => {
  const { metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: [`webview/${page}/main.tsx`],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    outfile: "page.js",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".css": "empty", ".ttf": "empty" },
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  const held = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  expect(held.length).toBeGreaterThan(50);
  expect(held.map(([path]) => path).filter((path) => readers.test(path))).toEqual([]);
});
