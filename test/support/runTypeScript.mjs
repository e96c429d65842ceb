/**
 * Runs a TypeScript script: `node runTypeScript.mjs FILE.ts [ARGS…]`. Node could strip the types itself, but the
 * sources import each other without file extensions, which only a bundler resolves.
 */
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, stop } from "esbuild";
import { kernelsPlugin } from "../../src/kernels/compileKernels.mjs";

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node runTypeScript.mjs FILE.ts [ARGS…]");
  process.exit(2);
}

// Inside node_modules, so that the packages are found from there.
const folder = join(process.cwd(), "node_modules", ".cache", "checkpoint-explorer");
const script = join(folder, `${basename(file, ".ts")}-${process.pid}.mjs`);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [file],
  outfile: script,
  bundle: true,
  packages: "external",
  alias: { vscode: fileURLToPath(new URL("vscodeStandIn.ts", import.meta.url)) },
  platform: "node",
  format: "esm",
  target: "node22",
  sourcemap: "inline",
  logLevel: "warning",
  plugins: [kernelsPlugin],
});
await stop(); // its process would live as long as the script
process.setSourceMapsEnabled(true);
process.argv = [process.argv[0], file, ...args];
process.on("exit", () => rmSync(script, { force: true }));
await import(pathToFileURL(script).href);
