import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";

/** What the worker does must be nowhere else: nothing else reads files, and each bundle is parsed whole. */
const readers =
  /^src\/core\/(?:session|health|resume|runs\/discover|formats\/(?:pickle|torch|gguf|onnx|safetensors|numpy))\//;

const pages = ["editor", "compare", "run", "make"] as const;

async function buildPages(): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: pages.map((page) => ({ in: `webview/${page}/main.tsx`, out: page })),
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    splitting: true,
    outdir: "pages",
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".css": "empty", ".ttf": "empty" },
    logLevel: "silent",
  });
  return metafile;
}

const built = buildPages();

/** The files of a page: those that it imports at once, or also those that it fetches later. */
function filesOf(page: string, { outputs }: Metafile, later: boolean): string[] {
  const files = new Set<string>([`pages/${page}.js`]);
  for (const file of files) {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      if (later || kind === "import-statement") files.add(path);
    }
  }
  return [...files];
}

function modulesIn(files: readonly string[], { outputs }: Metafile): string[] {
  return files.flatMap((file) =>
    Object.entries(outputs[file]?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    ),
  );
}

test.each(pages)("the %s page holds no reader of files", async (page) => {
  const metafile = await built;
  const modules = modulesIn(filesOf(page, metafile, true), metafile);
  expect(modules.length).toBeGreaterThan(50);
  expect(modules.filter((path) => readers.test(path))).toEqual([]);
});

test.each(pages)(
  "the %s page begins with 260 KiB of script in few files, without what draws charts",
  async (page) => {
    const metafile = await built;
    const files = filesOf(page, metafile, false);
    const bytes = files.reduce((sum, file) => sum + (metafile.outputs[file]?.bytes ?? 0), 0);
    // What is fetched later must import shell/common first, or what it shares with the page falls into more files.
    expect(files.length).toBeLessThan(18);
    expect(bytes).toBeGreaterThan(100 * 1024);
    expect(bytes).toBeLessThan(260 * 1024);
    expect(modulesIn(files, metafile).filter((path) => path.includes("/chart.js/"))).toEqual([]);
    const all = modulesIn(filesOf(page, metafile, true), metafile);
    // This one has no charts.
    expect(all.some((path) => path.includes("/chart.js/"))).toBe(page !== "make");
  },
);

test("the extension itself holds no reader of files", async () => {
  const { metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: ["src/extension.ts"],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: "node",
    external: ["vscode"],
    outfile: "extension.js",
    logLevel: "silent",
  });
  const modules = modulesIn(["extension.js"], metafile);
  expect(modules).toContain("src/host/runs/runsModel.ts");
  expect(
    modules.filter((path) => /^src\/core\/(?:checkpoint|health|resume|runs\/logs)\//.test(path)),
  ).toEqual(["src/core/checkpoint/identity.ts"]);
  // All that VS Code needs to know of formats before a file is opened.
  expect(modules.filter((path) => path.startsWith("src/core/formats/"))).toEqual([
    "src/core/formats/fileKinds.ts",
  ]);
});
