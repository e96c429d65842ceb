/**
 * Builds dist/: the extension, its worker, the command line, the pages and the licence notices.
 *
 *   node esbuild.mjs            minified, without source maps: what ships
 *   node esbuild.mjs --dev      readable, with source maps
 *   node esbuild.mjs --watch    builds again on every change
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";
import { kernelsPlugin } from "./src/kernels/compileKernels.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const noticesFile = join(dist, "THIRD_PARTY_NOTICES.txt");
const pageFilesFile = join(dist, "webview", "pageFiles.json");
const watch = process.argv.includes("--watch");
const dev = process.argv.includes("--dev");

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const shared = {
  absWorkingDir: root,
  bundle: true,
  minify: !dev,
  sourcemap: dev,
  metafile: true,
  legalComments: "none", // the notices file carries them
  logLevel: "warning",
  define: {
    "process.env.NODE_ENV": dev ? '"development"' : '"production"',
    "process.env.CHECKPOINT_EXPLORER_VERSION": JSON.stringify(version),
  },
  plugins: [kernelsPlugin],
  loader: { ".svg": "dataurl", ".ttf": "dataurl", ".woff2": "dataurl" },
};

// VS Code 1.96, the oldest we support, runs extensions under Node 20.
const node = { ...shared, platform: "node", format: "cjs", target: "node20", mainFields: ["module", "main"] };

const page = { ...shared, platform: "browser", target: "es2022" };

/**
 * The pages in one build, so that they share what they have in common, and what is shown later comes later. Over a
 * remote connection every file that names another is a further round trip: `pageFiles.json` says which files a page
 * begins with, so that its document asks for all of them at once.
 */
const pages = {
  ...page,
  entryPoints: ["editor", "compare", "run", "make"].map((name) => ({
    in: `webview/${name}/main.tsx`,
    out: name,
  })),
  outdir: "dist/webview",
  format: "esm",
  splitting: true,
  chunkNames: "[name]-[hash]",
  jsx: "automatic",
  jsxImportSource: "preact",
  tsconfig: join(root, "webview/tsconfig.json"),
  plugins: [...shared.plugins, { name: "page-files", setup: (build) => void build.onEnd(writePageFiles) }],
};

/** Writes which files each page imports before it runs, its own script aside. */
function writePageFiles({ metafile }) {
  if (metafile === undefined) return; // the build failed
  const { outputs } = metafile;
  const filesOf = (output, files = new Set()) => {
    for (const { path, kind } of outputs[output].imports) {
      if (kind !== "import-statement" || files.has(path)) continue;
      files.add(path);
      filesOf(path, files);
    }
    return files;
  };
  const named = Object.entries(outputs).filter(([, { entryPoint }]) => entryPoint?.endsWith("/main.tsx"));
  const begin = named.map(([output]) => [
    basename(output, ".js"),
    [...filesOf(output)].map((path) => basename(path)),
  ]);
  mkdirSync(dirname(pageFilesFile), { recursive: true });
  writeFileSync(pageFilesFile, `${JSON.stringify(Object.fromEntries(begin), undefined, 2)}\n`);
}

/** A process that is a call of what `dist/engine.js` exports. */
function callOfEngine(name, options) {
  const contents = `require("./engine.js").engine.${name}();`;
  return { ...node, ...options, stdin: { contents }, external: ["./engine.js"] };
}

const bundles = [
  { ...node, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", external: ["vscode"] },
  { ...node, entryPoints: ["src/cli/engine.ts"], outfile: "dist/engine.js" },
  callOfEngine("startWorker", { outfile: "dist/worker.js" }),
  callOfEngine("runCommandLine", { outfile: "dist/cli.js", banner: { js: "#!/usr/bin/env node" } }),
  { ...node, entryPoints: ["src/worker/numbers/numbersThread.ts"], outfile: "dist/numbersThread.js" },
  pages,
  { ...page, entryPoints: ["webview/styles/main.css"], outfile: "dist/webview/styles.css" },
  { ...page, entryPoints: ["webview/styles/start.css"], outfile: "dist/webview/start.css" },
];

/** The folder of the installed package that a bundled file belongs to, or undefined for our own files. */
function packageFolder(file) {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file.replaceAll("\\", "/"));
  return match?.[1];
}

function licenceText(folder) {
  const names = readdirSync(folder).filter((name) => /^(licen[sc]e|copying|notice)/i.test(name));
  return names.map((name) => readFileSync(join(folder, name), "utf8").trim()).join("\n\n");
}

/** Says, for every package of which a byte is in a bundle, its name, version and licence. */
function noticesFor(results) {
  const folders = new Set();
  for (const { metafile } of results) {
    for (const output of Object.values(metafile.outputs)) {
      for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
        const folder = bytesInOutput > 0 ? packageFolder(file) : undefined;
        if (folder) folders.add(folder);
      }
    }
  }
  const entries = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const text = licenceText(join(root, folder)) || `Licence: ${license ?? "not stated"}`;
    return { name, text: `${name} ${version} (${license ?? "see below"})\n\n${text}\n` };
  });
  entries.sort((a, b) => a.name.localeCompare(b.name));
  const line = "-".repeat(80);
  const head = `Checkpoint Explorer contains code of these ${entries.length} packages.\n`;
  return `${[head, ...entries.map(({ text }) => text)].join(`\n${line}\n\n`)}`;
}

/** Deletes what an earlier build left, after the new files are there: a server that is running finds no gap. */
function deleteStale(results) {
  const fresh = new Set([noticesFile, pageFilesFile]);
  for (const { metafile } of results) {
    for (const file of Object.keys(metafile.outputs)) fresh.add(resolve(root, file));
  }
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !fresh.has(file)) rmSync(file);
  }
}

function report(results) {
  const print = (name, bytes) =>
    console.log(`${name.padEnd(28)} ${(bytes / 1024).toFixed(1).padStart(8)} KiB`);
  const sizes = new Map(
    results.flatMap(({ metafile }) =>
      Object.entries(metafile.outputs).map(([file, { bytes }]) => [file, bytes]),
    ),
  );
  for (const [file, bytes] of sizes) {
    if (!file.endsWith(".map") && !file.startsWith("dist/webview/")) print(file, bytes);
  }
  const sizeOf = (name) => sizes.get(`dist/webview/${name}`) ?? 0;
  for (const [page, imports] of Object.entries(JSON.parse(readFileSync(pageFilesFile, "utf8")))) {
    const files = [`${page}.js`, ...imports];
    print(
      `${page} page, ${files.length} files`,
      files.reduce((sum, name) => sum + sizeOf(name), 0),
    );
  }
}

if (watch) {
  const contexts = await Promise.all(bundles.map((bundle) => context({ ...bundle, logLevel: "info" })));
  await Promise.all(contexts.map((each) => each.watch()));
  console.log("watching for changes; Ctrl-C stops");
} else {
  // esbuild prints what is wrong; a stack trace of this file would say nothing more.
  const results = await Promise.all(bundles.map((bundle) => build(bundle))).catch(() => process.exit(1));
  mkdirSync(dist, { recursive: true });
  writeFileSync(noticesFile, noticesFor(results));
  deleteStale(results);
  chmodSync(join(dist, "cli.js"), 0o755);
  report(results);
  console.log(`${relative(root, noticesFile)} written`);
}
